"""Recurrent and convolutional layers against their equations (plain loops over time, float64) and against peers."""

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import layers

FEATURES, UNITS, BATCH, TIME = 3, 4, 3, 9
X = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES)).astype("float32")
MASK = np.array([[0, 1, 1, 0, 1, 1, 1, 0, 0], [0] * TIME, [1] * TIME], bool)

RECURRENT = {
    "simple_rnn": lambda **settings: layers.SimpleRNN(UNITS, **settings),
    "gru": lambda **settings: layers.GRU(UNITS, **settings),
    "lstm": lambda **settings: layers.LSTM(UNITS, **settings),
}
CONVOLUTIONS = {
    "conv1d": lambda: layers.Conv1D(5, 3, dilation_rate=2),
    "conv1d, weight norm": lambda: layers.Conv1D(5, 3, dilation_rate=2, weight_norm=True),
    "conv1d, centred": lambda: layers.Conv1D(5, 4, dilation_rate=2, causal=False),
    "depthwise_conv1d": lambda: layers.DepthwiseConv1D(4, dilation_rate=2),
    "depthwise_conv1d, centred": lambda: layers.DepthwiseConv1D(4, causal=False, bias=False),
    "separable_conv1d": lambda: layers.SeparableConv1D(5, 3, dilation_rate=2),
    "gated_conv1d": lambda: layers.GatedConv1D(5, 2, dilation_rate=3),
    "tcn_block": lambda: layers.TCNBlock(5, 3, dilation_rate=2),
    "tcn_block, same width": lambda: layers.TCNBlock(FEATURES, 2, weight_norm=False),
}

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients by tf.GradientTape")


def randomised(layer):
    """Built, with weights that all matter."""
    layer.build((None, None, FEATURES))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape, scale=0.7) for weight in layer.weights])
    return layer


def weights_of(layer):
    """By their paths within the layer, float64."""
    own = {}
    for weight in layer.weights:
        own[weight.path.removeprefix(f"{layer.name}/")] = ops.convert_to_numpy(weight).astype("float64")
    return own


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def layer_norm(a, gain, bias=0.0):
    return gain * (a - a.mean()) / np.sqrt(a.var() + 1e-5) + bias


def simple_rnn(xs, w):
    h = np.zeros(UNITS)
    for x in xs:
        a = x @ w["kernel"] + h @ w["recurrent_kernel"]
        h = np.tanh((layer_norm(a, w["gain"]) if "gain" in w else a) + w["bias"])
        yield h


def gru(xs, w):
    zr, n = slice(0, 2 * UNITS), slice(2 * UNITS, 3 * UNITS)
    h = np.zeros(UNITS)
    for x in xs:
        a, u = x @ w["kernel"], h @ w["recurrent_kernel"]
        parts = [a[zr], u[zr], a[n], u[n]]
        if "input_gain" in w:
            gains = w["input_gain"][zr], w["recurrent_gain"][zr], w["input_gain"][n], w["recurrent_gain"][n]
            parts = [layer_norm(part, gain) for part, gain in zip(parts, gains, strict=True)]
        z, r = np.split(sigmoid(parts[0] + parts[1] + w["bias"][zr]), 2)
        candidate = np.tanh(parts[2] + w["bias"][n] + r * (parts[3] + w["recurrent_bias"]))
        h = z * h + (1 - z) * candidate
        yield h


def lstm(xs, w):
    h, c = np.zeros(UNITS), np.zeros(UNITS)
    for x in xs:
        a, u = x @ w["kernel"], h @ w["recurrent_kernel"]
        if "input_gain" in w:
            a, u = layer_norm(a, w["input_gain"]), layer_norm(u, w["recurrent_gain"])
        i, f, g, o = np.split(a + u + w["bias"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        read = layer_norm(c, w["cell_gain"], w["cell_bias"]) if "cell_gain" in w else c
        h = sigmoid(o) * np.tanh(read)
        yield h


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layer_is_its_equation(name, normed) -> None:
    layer = randomised(RECURRENT[name](layer_norm=normed))
    got = ops.convert_to_numpy(layer(X, mask=ops.convert_to_tensor(MASK)))
    for row in range(BATCH):
        # A step of padding is as if it were not there.
        want = list(globals()[name](X[row, MASK[row]].astype("float64"), weights_of(layer)))
        np.testing.assert_allclose(got[row, MASK[row]], np.reshape(want, (-1, UNITS)), atol=2e-5)


def taps(xs, t, count, dilation, first):
    """The inputs that the taps see, of which the first lies `first` steps before t: zeros outside the sequence."""
    places = [t - first + dilation * j for j in range(count)]
    return [xs[s] if 0 <= s < len(xs) else np.zeros_like(xs[0]) for s in places]


def convolution(xs, w, layer):
    kernel = w["kernel"]
    if "gain" in w:
        kernel = w["gain"] * kernel / np.sqrt((kernel**2).sum((0, 1)))
    return np.array([sum(x @ k for x, k in zip(seen, kernel, strict=True)) + w["bias"] for seen in windows(xs, layer)])


def windows(xs, layer):
    reach = layer.dilation_rate * (layer.kernel_size - 1)
    first = reach if layer.causal else reach // 2
    return [taps(xs, t, layer.kernel_size, layer.dilation_rate, first) for t in range(len(xs))]


def depthwise(xs, kernel, layer):
    return np.array([sum(x * k for x, k in zip(seen, kernel, strict=True)) for seen in windows(xs, layer)])


def convolved(layer, xs, w, valid):
    xs = np.where(valid[:, None], xs, 0)
    if isinstance(layer, layers.Conv1D):
        return convolution(xs, w, layer)
    if isinstance(layer, layers.DepthwiseConv1D):
        return depthwise(xs, w["kernel"], layer) + w.get("bias", 0)
    if isinstance(layer, layers.SeparableConv1D):
        return depthwise(xs, w["depthwise_kernel"], layer) @ w["pointwise_kernel"] + w["bias"]
    if isinstance(layer, layers.GatedConv1D):
        f, g = np.split(convolution(xs, w, layer), 2, axis=1)
        return np.tanh(f) * sigmoid(g)
    parts = {name: {key: w[f"{name}/{key}"] for key in ("kernel", "gain", "bias") if f"{name}/{key}" in w}
             for name in ("first", "second", "residual")}  # fmt: skip
    u = np.maximum(convolved(layer.first, xs, parts["first"], valid), 0)
    v = np.maximum(convolved(layer.second, u, parts["second"], valid), 0)
    residual = convolved(layer.residual, xs, parts["residual"], valid) if parts["residual"] else xs
    return np.maximum(v + residual, 0)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_is_its_equation(name) -> None:
    layer = randomised(CONVOLUTIONS[name]())
    got = ops.convert_to_numpy(layer(X, mask=ops.convert_to_tensor(MASK)))
    for row in range(BATCH):
        want = convolved(layer, X[row].astype("float64"), weights_of(layer), MASK[row])
        np.testing.assert_allclose(got[row, MASK[row]], want[MASK[row]], atol=2e-5)


def keras_weights(ours):
    """Our weights as the Keras layer of the same name holds them."""
    w = ours.get_weights()
    if isinstance(ours, layers.GRU):
        kernel, recurrent, bias, candidate = w
        return [kernel, recurrent, np.stack([bias, np.concatenate([np.zeros(2 * UNITS), candidate])])]
    if isinstance(ours, layers.DepthwiseConv1D):
        return [w[0][:, :, None], w[1]]
    if isinstance(ours, layers.SeparableConv1D):
        return [w[0][:, :, None], w[1][None], w[2]]
    return w


PEERS = {
    "simple_rnn": (RECURRENT["simple_rnn"], lambda: keras.layers.SimpleRNN(UNITS, return_sequences=True)),
    "gru": (RECURRENT["gru"], lambda: keras.layers.GRU(UNITS, return_sequences=True)),
    "lstm": (RECURRENT["lstm"], lambda: keras.layers.LSTM(UNITS, return_sequences=True)),
    "conv1d": (
        lambda: layers.Conv1D(5, 4, dilation_rate=3),
        lambda: keras.layers.Conv1D(5, 4, dilation_rate=3, padding="causal"),
    ),
    "conv1d, centred": (
        lambda: layers.Conv1D(5, 4, dilation_rate=2, causal=False),
        lambda: keras.layers.Conv1D(5, 4, dilation_rate=2, padding="same"),
    ),
    "depthwise_conv1d, centred": (
        lambda: layers.DepthwiseConv1D(4, dilation_rate=2, causal=False),
        lambda: keras.layers.DepthwiseConv1D(4, dilation_rate=2, padding="same"),
    ),
    "separable_conv1d, centred": (
        lambda: layers.SeparableConv1D(5, 4, dilation_rate=2, causal=False),
        lambda: keras.layers.SeparableConv1D(5, 4, dilation_rate=2, padding="same"),
    ),
}


@pytest.mark.parametrize("name", PEERS)
def test_matches_keras(name) -> None:
    ours, theirs = (create() for create in PEERS[name])
    randomised(ours)
    theirs.build((None, None, FEATURES))
    theirs.set_weights(keras_weights(ours))
    np.testing.assert_allclose(ours(X), theirs(X), atol=1e-5)
    if name in RECURRENT:
        right = np.arange(TIME) < np.array([[9], [2], [4]])  # Keras gives 0 where a sequence has not begun.
        got, want = (ops.convert_to_numpy(layer(X, mask=ops.convert_to_tensor(right))) for layer in (ours, theirs))
        np.testing.assert_allclose(got[right], want[right], atol=1e-5)


@pytest.mark.parametrize("name", RECURRENT)
def test_matches_torch(name) -> None:
    torch = pytest.importorskip("torch")
    ours = randomised(RECURRENT[name]())
    kernel, recurrent, bias, *candidate = (torch.tensor(weight) for weight in ours.get_weights())
    theirs = {"simple_rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[name](
        FEATURES, UNITS, batch_first=True
    )
    second = torch.zeros_like(bias)
    order = [0, 1, 2, 3][: len(bias) // UNITS]
    if name == "gru":
        second[2 * UNITS :] = candidate[0]
        order = [1, 0, 2]  # torch: r, z, n
    rows = torch.cat([torch.arange(UNITS) + UNITS * gate for gate in order])
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(kernel.T[rows])
        theirs.weight_hh_l0.copy_(recurrent.T[rows])
        theirs.bias_ih_l0.copy_(bias[rows])
        theirs.bias_hh_l0.copy_(second[rows])
        want = theirs(torch.tensor(X))[0].numpy()
    np.testing.assert_allclose(ours(X), want, atol=1e-5)


@pytest.mark.parametrize("name", ["conv1d", "depthwise_conv1d"])
def test_convolution_matches_torch(name) -> None:
    torch = pytest.importorskip("torch")
    ours = randomised(CONVOLUTIONS[name]())
    kernel, bias = (torch.tensor(weight) for weight in ours.get_weights())
    with torch.no_grad():
        padded = torch.nn.functional.pad(torch.tensor(X).transpose(1, 2), (ours.reach, 0))
        if name == "conv1d":
            theirs = torch.nn.Conv1d(FEATURES, 5, ours.kernel_size, dilation=2)
            theirs.weight.copy_(kernel.permute(2, 1, 0))
        else:
            theirs = torch.nn.Conv1d(FEATURES, FEATURES, ours.kernel_size, dilation=2, groups=FEATURES)
            theirs.weight.copy_(kernel.T[:, None])
        theirs.bias.copy_(bias)
        want = theirs(padded).transpose(1, 2).numpy()
    np.testing.assert_allclose(ours(X), want, atol=1e-5)


STREAMING = {
    **RECURRENT,
    **{f"{name}, layer norm": lambda name=name: RECURRENT[name](layer_norm=True) for name in RECURRENT},
    **{name: create for name, create in CONVOLUTIONS.items() if "centred" not in name},
}


@pytest.mark.parametrize("name", STREAMING)
def test_pieces_are_the_whole(name) -> None:
    layer = randomised(STREAMING[name]())
    want = ops.convert_to_numpy(layer(X, mask=ops.convert_to_tensor(MASK)))
    for lengths in ([1] * TIME, [4, 5], [2, 1, 6]):
        state, ys, start = layer.initial_state(BATCH), [], 0
        for length in lengths:
            piece = slice(start, start + length)
            y, state = layer.stream(X[:, piece], state, ops.convert_to_tensor(MASK[:, piece]))
            ys.append(ops.convert_to_numpy(y))
            start += length
        np.testing.assert_allclose(np.concatenate(ys, 1)[MASK], want[MASK], atol=1e-5)


@on_tensorflow
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("name", RECURRENT)
def test_gradient_reaches_the_initial_state(name, normed) -> None:
    import tensorflow as tf

    layer = randomised(RECURRENT[name](layer_norm=normed))
    rng = np.random.default_rng(2)
    zeros = layer.initial_state(BATCH)
    state = keras.tree.map_structure(lambda part: tf.constant(rng.normal(size=part.shape).astype("float32")), zeros)

    def loss(state):
        y, after = layer.stream(X, state)
        return sum(tf.reduce_sum(tf.sin((i + 2) * part)) for i, part in enumerate(tf.nest.flatten((y, after))))

    with tf.GradientTape() as tape:
        tape.watch(state)
        value = loss(state)
    gradients = tape.gradient(value, state)
    step = 1e-2
    for i, gradient in enumerate(tf.nest.flatten(gradients)):
        direction = rng.normal(size=gradient.shape).astype("float32")
        ends = []
        for sign in (-1, 1):
            moved = tf.nest.flatten(state)
            moved[i] = moved[i] + sign * step * direction
            ends.append(float(loss(tf.nest.pack_sequence_as(state, moved))))
        slope = float(tf.reduce_sum(gradient * direction))
        assert abs((ends[1] - ends[0]) / (2 * step) - slope) < 0.05 * (1 + abs(slope))


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_dropout_zeroes_one_choice_of_features_at_all_steps(name) -> None:
    layer = randomised(RECURRENT[name](recurrent_dropout=0.5, seed=0))
    plain = randomised(RECURRENT[name]())
    again = randomised(RECURRENT[name](recurrent_dropout=0.5, seed=0))
    np.testing.assert_array_equal(layer(X), plain(X))
    dropped = ops.convert_to_numpy(layer(X, training=True))
    np.testing.assert_array_equal(dropped, again(X, training=True))
    assert not np.allclose(dropped, ops.convert_to_numpy(layer(X, training=True)))
    # h_0 is zero, so nothing of it can be dropped.
    np.testing.assert_allclose(dropped[:, 0], ops.convert_to_numpy(plain(X))[:, 0], atol=1e-6)
    # A choice is a recurrent kernel without some rows, the others doubled: one of them explains all steps of a row.
    kernel = plain.get_weights()[1]
    for row in range(BATCH):
        errors = []
        for choice in np.ndindex(*[2] * UNITS):
            weights = plain.get_weights()
            weights[1] = 2.0 * np.array(choice)[:, None] * kernel
            chosen = RECURRENT[name]()
            chosen.build((None, None, FEATURES))
            chosen.set_weights(weights)
            errors.append(np.abs(ops.convert_to_numpy(chosen(X[row : row + 1]))[0] - dropped[row]).max())
        assert min(errors) < 1e-5
