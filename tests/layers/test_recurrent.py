"""Recurrent layers run both ways, and what is particular to them."""

import keras
import numpy as np
import pytest

from keraseq import layers

FEATURES, UNITS = 3, 4
X = np.random.default_rng(0).normal(size=(3, 6, FEATURES)).astype("float32")
MASK = np.arange(6) < np.array([[6], [2], [4]])


def randomise(layer):
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])


def copy_weights(ours, theirs):
    kernel, recurrent, *biases = ours.get_weights()
    if isinstance(ours, layers.GRU):
        bias, candidate = biases
        biases = [np.stack([bias, np.concatenate([np.zeros(2 * UNITS), candidate])])]
    theirs.set_weights([kernel, recurrent, *biases])


PEERS = [
    (layers.SimpleRNN, keras.layers.SimpleRNN),
    (layers.GRU, keras.layers.GRU),
    (layers.LSTM, keras.layers.LSTM),
]


@pytest.mark.parametrize(("ours", "theirs"), PEERS)
def test_bidirectional_matches_keras(ours, theirs) -> None:
    ours = layers.Bidirectional(ours(UNITS))
    theirs = keras.layers.Bidirectional(theirs(UNITS, return_sequences=True))
    ours.build(X.shape)
    theirs.build(X.shape)
    randomise(ours)
    copy_weights(ours.forward, theirs.forward_layer)
    copy_weights(ours.backward, theirs.backward_layer)
    np.testing.assert_allclose(np.array(ours(X, mask=MASK))[MASK], np.array(theirs(X, mask=MASK))[MASK], atol=1e-5)


@pytest.mark.parametrize("kind", [layers.SimpleRNN, layers.GRU, layers.LSTM])
def test_padding_anywhere_is_as_if_cut_out(kind) -> None:
    layer = layers.Bidirectional(kind(UNITS))
    mask = np.array([[0, 1, 0, 1, 1, 0], [1, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1]], bool)
    y = np.array(layer(X, mask=mask))
    for row in range(3):
        np.testing.assert_allclose(y[row, mask[row]], np.array(layer(X[row : row + 1, mask[row]]))[0], atol=1e-5)


def test_padded_steps_repeat_the_state() -> None:
    y = np.array(layers.Bidirectional(layers.GRU(UNITS))(X, mask=MASK))
    np.testing.assert_array_equal(y[1, 2:, :UNITS], np.tile(y[1, 1, :UNITS], (4, 1)))
    assert not y[1, 2:, UNITS:].any()


def test_pooling_ends_gives_both_final_states() -> None:
    layer = layers.Bidirectional(layers.LSTM(UNITS))
    y = np.array(layer(X, mask=MASK))
    ends = np.array(layers.Pooling("ends")(y, mask=MASK))
    last = MASK.sum(1) - 1
    np.testing.assert_allclose(ends, np.concatenate([y[range(3), last, :UNITS], y[:, 0, UNITS:]], axis=1), atol=1e-6)


def test_forget_gate_starts_open() -> None:
    layer = layers.LSTM(UNITS)
    layer.build(X.shape)
    bias = layer.bias.numpy()
    assert (bias[UNITS : 2 * UNITS] == 1).all()
    assert bias.sum() == UNITS


def test_both_directions_start_differently() -> None:
    layer = layers.Bidirectional(layers.GRU(UNITS))
    layer.build(X.shape)
    assert not np.allclose(layer.forward.kernel.numpy(), layer.backward.kernel.numpy())
