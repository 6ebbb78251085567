"""Layers by parallel scan against their papers' equations: plain loops over time, float64."""

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import layers

FEATURES, BATCH = 3, 3

LAYERS = {
    "min_gru": lambda **settings: layers.MinGRU(5, **settings),
    "min_lstm": lambda **settings: layers.MinLSTM(5, **settings),
    "lru": lambda **settings: layers.LRU(5, **settings),
    "s4d": lambda **settings: layers.S4D(4, dt_max=0.5, **settings),
    "selective_ssm": lambda **settings: layers.SelectiveSSM(4, rank=2, dt_max=0.5, **settings),
}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def dense(x, weights, i, n):
    """The i-th of n projections that lie side by side."""
    kernel, bias = np.split(weights["kernel"], n, axis=1)[i], np.split(weights["bias"], n)[i]
    return x @ kernel + bias


def min_gru(xs, w):
    h = 0
    for x in xs:
        z = sigmoid(dense(x, w, 0, 2))
        h = (1 - z) * h + z * dense(x, w, 1, 2)
        yield h


def min_lstm(xs, w):
    h = 0
    for x in xs:
        f, i = sigmoid(dense(x, w, 0, 3)), sigmoid(dense(x, w, 1, 3))
        h = f / (f + i) * h + i / (f + i) * dense(x, w, 2, 3)
        yield h


def lru(xs, w):
    units = len(w["nu"])
    b = w["b"][:, :units] + 1j * w["b"][:, units:]
    c = w["c"][:units] + 1j * w["c"][units:]
    decay = np.exp(-np.exp(w["nu"]) + 1j * np.exp(w["theta"]))
    h = 0
    for x in xs:
        h = decay * h + np.exp(w["log_gamma"]) * (x @ b)
        yield (h @ c).real + w["d"] * x


def s4d(xs, w):
    a = -np.exp(w["log_fade"]) + 1j * w["turn"]
    dt = np.exp(w["log_dt"])[:, None]
    a_bar = np.exp(dt * a)
    b_bar = (a_bar - 1) / a
    h = 0
    for x in xs:
        h = a_bar * h + b_bar * x[:, None]
        yield 2 * (h * (w["c"][0] + 1j * w["c"][1])).sum(-1).real + w["d"] * x


def selective_ssm(xs, w):
    rank, state = len(w["dt_kernel"]), w["log_a"].shape[1]
    h = 0
    for x in xs:
        selected = x @ w["select"]
        dt = np.log1p(np.exp(selected[:rank] @ w["dt_kernel"] + w["dt_bias"]))
        b, c = selected[rank : rank + state], selected[rank + state :]
        h = np.exp(-dt[:, None] * np.exp(w["log_a"])) * h + dt[:, None] * b * x[:, None]
        yield (h * c).sum(-1) + w["d"] * x


REFERENCES = {"min_gru": min_gru, "min_lstm": min_lstm, "lru": lru, "s4d": s4d, "selective_ssm": selective_ssm}


def inputs(time, seed=0):
    return np.random.default_rng(seed).normal(size=(BATCH, time, FEATURES)).astype("float32")


def masks_of(time):
    """Left, inner and right padding; every row has a valid step."""
    mask = np.random.default_rng(2).random((BATCH, time)) > 0.4
    mask[0, : time // 3] = False
    mask[1, time // 2 + 1 :] = False
    mask[:, time // 2] = True
    return mask


def built(name, **settings):
    layer = LAYERS[name](**settings)
    layer.build((None, None, FEATURES))
    rng = np.random.default_rng(3)
    layer.set_weights([w + rng.normal(size=w.shape, scale=0.2) for w in layer.get_weights()])
    return layer


def expected(name, layer, x, mask):
    """Outputs at valid steps; padding is as if it were cut out."""
    weights = {weight.name: ops.convert_to_numpy(weight).astype("float64") for weight in layer.weights}
    rows = [row[valid].astype("float64") for row, valid in zip(x, mask, strict=True)]
    return np.concatenate([list(REFERENCES[name](row, weights)) for row in rows])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("time", [1, 7, 64, 150])
def test_matches_the_paper(name, masked, time) -> None:
    layer, x = built(name), inputs(time)
    mask = masks_of(time) if masked else np.ones((BATCH, time), bool)
    y = ops.convert_to_numpy(layer(x, mask=mask if masked else None))
    np.testing.assert_allclose(y[mask], expected(name, layer, x, mask), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_reverse_is_the_layer_on_reversed_steps(name) -> None:
    x, mask = inputs(70), masks_of(70)
    forward, backward = built(name), built(name, reverse=True)
    backward.set_weights(forward.get_weights())
    y = ops.convert_to_numpy(backward(x, mask=mask))
    np.testing.assert_allclose(y[:, ::-1], forward(x[:, ::-1], mask=mask[:, ::-1]), atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_steps_equal_a_call(name) -> None:
    layer, x = built(name), inputs(70)
    state, steps = layer.initial_state(BATCH), []
    for t in range(70):
        y, state = layer.step(x[:, t], state)
        steps.append(ops.convert_to_numpy(y))
    np.testing.assert_allclose(np.stack(steps, 1), layer(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("masked", [False, True])
def test_chunks_equal_a_call(name, masked) -> None:
    layer, x = built(name), inputs(200)
    mask = masks_of(200) if masked else None
    whole = ops.convert_to_numpy(layer(x, mask=mask))
    state, start, chunks = layer.initial_state(BATCH), 0, []
    for length in (1, 5, 64, 100, 30):
        part = slice(start, start + length)
        y, state = layer.stream(x[:, part], state, mask=mask[:, part] if masked else None)
        chunks.append(ops.convert_to_numpy(y))
        start += length
    np.testing.assert_allclose(np.concatenate(chunks, 1), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_long_gradients_match_those_of_chunks(name) -> None:
    """The gradient of one call on many steps against that of pieces that are short enough to be taken at once."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients of the backend's own")
    import tensorflow as tf

    layer, x = built(name), tf.constant(inputs(150))
    weights = [weight.value for weight in layer.trainable_weights]

    def in_chunks(x):
        state, ys = layer.initial_state(BATCH), []
        for start in range(0, 150, 30):
            y, state = layer.stream(x[:, start : start + 30], state)
            ys.append(y)
        return tf.concat(ys, 1)

    results = []
    for run in (layer, in_chunks, tf.function(layer, input_signature=[tf.TensorSpec([None, None, FEATURES])])):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.sin(run(x)))
        results.append(tape.gradient(loss, [x, *weights]))
    for whole, chunked, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(whole, chunked, atol=1e-3, rtol=1e-3)
        np.testing.assert_allclose(compiled, whole, atol=1e-3, rtol=1e-3)


def test_lru_starts_in_its_ring() -> None:
    layer = layers.LRU(2000, r_min=0.5, r_max=0.9, max_phase=1.0)
    layer.build((None, None, 1))
    size = np.exp(-np.exp(ops.convert_to_numpy(layer.nu)))
    phase = np.exp(ops.convert_to_numpy(layer.theta))
    assert size.min() >= 0.5 - 1e-6
    assert size.max() <= 0.9 + 1e-6
    assert phase.max() <= 1
    # Evenly in the ring: as many on each side of the circle that halves its area.
    assert abs(np.mean(size**2 < (0.5**2 + 0.9**2) / 2) - 0.5) < 0.05
    np.testing.assert_allclose(np.exp(ops.convert_to_numpy(layer.log_gamma)), np.sqrt(1 - size**2), rtol=1e-4)


def test_s4d_starts_as_its_kind_says() -> None:
    linear, inverse = layers.S4D(4), layers.S4D(4, kind="inverse")
    for layer in (linear, inverse):
        layer.build((None, None, 2))
    np.testing.assert_allclose(ops.convert_to_numpy(linear.turn)[1], np.pi * np.arange(4), rtol=1e-6)
    np.testing.assert_allclose(
        ops.convert_to_numpy(inverse.turn)[1], [8 / np.pi * (8 / (2 * n + 1) - 1) for n in range(4)], rtol=1e-6
    )


def test_selective_ssm_starts_with_step_sizes_in_range() -> None:
    layer = layers.SelectiveSSM(3, dt_min=0.01, dt_max=0.2)
    layer.build((None, None, 500))
    dt = np.log1p(np.exp(ops.convert_to_numpy(layer.dt_bias)))
    assert 0.0099 < dt.min() < 0.012
    assert 0.18 < dt.max() < 0.201
