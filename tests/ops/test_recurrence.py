"""The recurrences against plain NumPy, and the TensorFlow path against the portable one."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keraseq.ops import recurrence

BATCH, TIME, UNITS = 3, 7, 4
GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}
OPTIONS = {
    "simple_rnn": ("gain", "norm_bias", "dropout"),
    "gru": ("gain", "dropout"),
    "lstm": ("gain", "cell_gain", "cell_bias", "dropout"),
}

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fast path is TensorFlow's")


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def numpy_step(name, x, kernel, bias, h, c):
    u = h @ kernel
    if name == "simple_rnn":
        return np.tanh(x + u + bias), c
    if name == "gru":
        z, r = (sigmoid(x[i] + u[i]) for i in (np.s_[:UNITS], np.s_[UNITS : 2 * UNITS]))
        n = np.tanh(x[2 * UNITS :] + r * (u[2 * UNITS :] + bias))
        return z * h + (1 - z) * n, c
    i, f, g, o = np.split(x + u + bias, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def arguments(name, seed=0, time=TIME, dtype="float32"):
    rng = np.random.default_rng(seed)
    size = GATES[name] * UNITS

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    bias = normal(UNITS if name == "gru" else size)
    return normal(BATCH, time, size), normal(UNITS, size), bias, normal(BATCH, UNITS), normal(BATCH, UNITS)


def call(name, x, kernel, bias, h0, c0, *option_values, mask=None):
    """All hidden states and the final ones, as a list."""
    options = dict(zip(OPTIONS[name], option_values, strict=False))
    if name == "lstm":
        hs, (h, c) = recurrence.lstm(x, kernel, bias, (h0, c0), mask, **options)
        return [hs, h, c]
    return list(getattr(recurrence, name)(x, kernel, bias, h0, mask, **options))


def option_values(name):
    """Weights of layer normalisation, and what recurrent dropout multiplies by."""
    rng = np.random.default_rng(5)
    shapes = {"gain": (GATES[name] * UNITS,), "dropout": (BATCH, UNITS)}
    return [rng.normal(size=shapes.get(option, (UNITS,))).astype("float32") for option in OPTIONS[name]]


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("masked", [False, True])
def test_matches_numpy_with_inner_masks(name, masked) -> None:
    x, kernel, bias, h0, c0 = arguments(name)
    mask = np.random.default_rng(1).random((BATCH, TIME)) > 0.4 if masked else np.ones((BATCH, TIME), bool)
    expected, h, c = np.zeros((BATCH, TIME, UNITS)), h0.copy(), c0.copy()
    for row, t in itertools.product(range(BATCH), range(TIME)):
        if mask[row, t]:
            h[row], c[row] = numpy_step(name, x[row, t], kernel, bias, h[row], c[row])
        expected[row, t] = h[row]
    # Where the mask says padding, not even NaN may be looked at.
    x = np.where(mask[..., None], x, np.nan)
    got = call(name, *map(ops.convert_to_tensor, (x, kernel, bias, h0, c0)), mask=mask if masked else None)
    for value, want in zip(got, (expected, h, c), strict=False):
        np.testing.assert_allclose(value, want, atol=1e-5)


@pytest.mark.parametrize("name", GATES)
def test_no_bias_is_a_bias_of_zeros(name) -> None:
    x, kernel, bias, *state = map(ops.convert_to_tensor, arguments(name))
    for got, want in zip(call(name, x, kernel, None, *state), call(name, x, kernel, 0 * bias, *state), strict=True):
        np.testing.assert_array_equal(got, want)


@on_tensorflow
@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", [False, True], ids=["plain", "normed, dropped"])
@pytest.mark.parametrize("time", [1, TIME])
def test_gradients_match_portable_ones(name, masked, options, time, monkeypatch) -> None:
    import tensorflow as tf

    from keraseq.ops import _recurrence_portable

    arrays = (*arguments(name, time=time), *(option_values(name) if options else []))
    tensors = [tf.constant(array) for array in arrays]
    mask = tf.constant(np.random.default_rng(2).random((BATCH, time)) > 0.4) if masked else None

    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = call(name, *tensors, mask=mask)
            loss = sum((i + 1) * tf.reduce_sum(tf.sin(3 * y)) for i, y in enumerate(outputs))
        return outputs, tape.gradient(loss, tensors, unconnected_gradients="zero")

    unknown = [tf.TensorSpec([None] * (t.shape.rank - 1) + [t.shape[-1]]) for t in tensors]
    unknown[1] = tf.TensorSpec(tensors[1].shape)
    if options:
        unknown[5:] = [tf.TensorSpec(t.shape) for t in tensors[5:]]
    results = {
        "eager": run(*tensors),
        "graph": tf.function(run, input_signature=unknown)(*tensors),
        "XLA": tf.function(run, jit_compile=True)(*tensors),
        "XLA, unknown shapes": tf.function(run, jit_compile=True, input_signature=unknown)(*tensors),
    }
    monkeypatch.setattr(recurrence, "_backend", lambda: _recurrence_portable)
    monkeypatch.setattr(recurrence, "_is_fast", lambda x: False)
    portable = tf.nest.flatten(run(*tensors))
    for kind, result in results.items():
        for got, want in zip(tf.nest.flatten(result), portable, strict=True):
            # XLA approximates tanh to some 1e-6.
            np.testing.assert_allclose(got, want, atol=2e-4, rtol=1e-4, err_msg=kind)


@on_tensorflow
@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(name, dtype) -> None:
    import tensorflow as tf

    full = arguments(name, dtype="float32")
    mask = tf.constant(np.random.default_rng(3).random((BATCH, TIME)) > 0.4)
    half = [tf.cast(array, dtype) for array in full]

    @tf.function(jit_compile=True)
    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = call(name, *tensors, mask=mask)
            loss = tf.reduce_sum(outputs[0])
        return outputs[0], tape.gradient(loss, tensors, unconnected_gradients="zero")

    hs, gradients = run(*half)
    assert hs.dtype == dtype
    np.testing.assert_allclose(tf.cast(hs, "float32"), run(*map(tf.constant, full))[0], atol=0.1)
    assert all(np.isfinite(tf.cast(gradient, "float32")).all() for gradient in gradients)
