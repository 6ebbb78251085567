"""What is particular to single layers."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keraseq import layers
from keraseq.errors import UsageError

X = np.random.default_rng(0).normal(size=(2, 7, 4)).astype("float32")


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda: layers.GRU(0), "units must be a whole number of at least 1; got 0"),
        (lambda: layers.LSTM(2.5), "units must be a whole number of at least 1; got 2.5"),
        (lambda: layers.LSTM(2, recurrent_dropout=1.0), r"recurrent_dropout must be in \[0, 1\); got 1.0"),
        (lambda: layers.SeparableConv1D(0, 3), "filters must be a whole number of at least 1; got 0"),
        (lambda: layers.DepthwiseConv1D(3, dilation_rate=0), "dilation_rate must be a whole number of at least 1"),
        (lambda: layers.Bidirectional(layers.GRU(2, reverse=True)), "reverse=False"),
        (lambda: layers.Bidirectional(keras.layers.Dense(2)), "one of keraseq that has reverse=False"),
        (lambda: layers.Conv1D(4, 0), "kernel_size must be a whole number of at least 1; got 0"),
        (lambda: layers.TCNBlock(4, 3, dropout=1.0), r"dropout must be in \[0, 1\); got 1.0"),
        (lambda: layers.MultiHeadAttention(0), "heads must be a whole number of at least 1; got 0"),
        (lambda: layers.MultiHeadAttention(2, key_size=3), "key_size must be an even number"),
        (lambda: layers.MultiHeadAttention(2, positions="rotory"), "rotary, relative_bias, alibi, .*'rotory'"),
        (lambda: layers.TransformerBlock(2, feed_forward=0), "feed_forward must be above 0; got 0"),
        (lambda: layers.SinusoidalPositions(base=1), "base must be above 1; got 1"),
        (lambda: layers.LearnedPositions(0), "max_length must be a whole number of at least 1; got 0"),
        (lambda: layers.Pooling("average"), "kind must be one of mean, max, last, ends; got 'average'"),
    ],
)
def test_wrong_arguments_are_refused(create, message) -> None:
    with pytest.raises(UsageError, match=message):
        create()


def test_unknown_layer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="GRUU"):
        layers.GRUU  # noqa: B018


def test_importing_the_package_imports_no_keras() -> None:
    code = "import sys, keraseq.layers, keraseq.models, keraseq.registry as r; dir(keraseq.layers); r.layers.names();"
    code += "[r.models.get(n) for n in r.models.names()]; assert not {'keras', 'tensorflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_weight_norm_starts_at_the_plain_convolution() -> None:
    plain, normed = layers.Conv1D(5, 3), layers.Conv1D(5, 3, weight_norm=True)
    plain.build(X.shape)
    normed.build(X.shape)
    plain.set_weights([normed.kernel, normed.bias])
    np.testing.assert_allclose(plain(X), normed(X), atol=1e-5)
    normed.kernel.assign(7 * normed.kernel)
    np.testing.assert_allclose(plain(X), normed(X), atol=1e-5)


def test_convolution_of_a_sequence_shorter_than_its_reach() -> None:
    layer = layers.Conv1D(5, 7, dilation_rate=16)
    np.testing.assert_allclose(layer(X)[:, :2], layer(X[:, :2]), atol=1e-6)


def test_attention_matches_plain_numpy() -> None:
    layer = layers.MultiHeadAttention(2, key_size=6)
    mask = np.array([[1, 1, 0, 1, 1, 0, 0], [1] * 7], bool)
    y = np.array(layer(X, mask=mask))
    q, k, v = np.moveaxis(np.array(layer.project(X)).reshape(2, 7, 3, 2, 6), (2, 3), (0, 2))
    scores = np.where(mask[:, None, None], q @ k.swapaxes(-1, -2) / np.sqrt(6), -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    heads = weights / weights.sum(-1, keepdims=True) @ v
    np.testing.assert_allclose(y, layer.combine(heads.swapaxes(1, 2).reshape(2, 7, 12)), atol=1e-5)


@pytest.mark.parametrize(("features", "heads", "size"), [(64, 4, 16), (10, 4, 4), (7, 1, 8), (3, 8, 2)])
def test_any_size_fits_any_number_of_heads(features, heads, size) -> None:
    layer = layers.MultiHeadAttention(heads)
    layer.build((None, None, features))
    assert layer.size == size


def test_attention_without_positions_ignores_order_and_with_rotary_does_not() -> None:
    order = np.random.default_rng(1).permutation(7)
    for positions, same in ((None, True), ("rotary", False)):
        layer = layers.MultiHeadAttention(2, positions=positions)
        assert np.allclose(np.array(layer(X))[:, order], layer(X[:, order]), atol=1e-5) == same


def test_rotary_attention_does_not_mind_left_padding() -> None:
    layer = layers.TransformerBlock(layers.MultiHeadAttention(2, positions="rotary"))
    padded = np.pad(X, ((0, 0), (3, 0), (0, 0)))
    mask = np.broadcast_to(np.arange(10) >= 3, (2, 10))
    np.testing.assert_allclose(np.array(layer(padded, mask=mask))[:, 3:], layer(X), atol=1e-4)


def test_sequence_longer_than_learned_positions() -> None:
    layer = layers.LearnedPositions(5)
    with pytest.raises(UsageError, match="sequences of 7 steps need max_length of at least 7; got 5"):
        layer(keras.Input((7, 4)))
    with pytest.raises(UsageError, match="sequences of 7 steps"):
        layers.LearnedPositions(5)(X)


def test_sinusoidal_positions_of_odd_width() -> None:
    y = np.array(layers.SinusoidalPositions()(np.zeros((1, 4, 5), "float32")))[0]
    assert y.shape == (4, 5)
    np.testing.assert_allclose(y[:, 0], np.sin(np.arange(4)), atol=1e-6)
    np.testing.assert_allclose(y[:, 3], np.cos(np.arange(4)), atol=1e-6)


def test_tcn_block_drops_whole_channels() -> None:
    keras.utils.set_random_seed(0)
    layer = layers.TCNBlock(32, 2, dropout=0.5)
    layer.build((None, None, 4))
    dropped = np.array(layer.first_dropout(np.ones((1, 9, 32), "float32"), training=True))[0]
    assert (dropped == dropped[0]).all()
    assert 0 < (dropped[0] == 0).sum() < 32


def test_attach_mask() -> None:
    mask = np.array([[1, 1, 0, 1, 0, 0, 0], [0] * 7], bool)
    y = layers.AttachMask()([np.where(mask[..., None], X, np.nan).astype("float32"), mask])
    np.testing.assert_array_equal(y, np.where(mask[..., None], X, 0))
    np.testing.assert_array_equal(y._keras_mask, mask)
    np.testing.assert_allclose(layers.Pooling("mean")(y)[0], X[0, mask[0]].mean(0), atol=1e-6)


def test_attached_mask_survives_saving(tmp_path) -> None:
    x, mask = keras.Input((None, 4)), keras.Input((None,), dtype="bool")
    model = keras.Model([x, mask], layers.Pooling("last")(layers.GRU(3)(layers.AttachMask()([x, mask]))))
    model.save(tmp_path / "model.keras")
    rows = np.array([[1, 1, 0, 1, 0, 0, 0], [0] * 7], bool)
    expected = np.array(model([X, rows]))
    code = (
        "import sys, keras, numpy as np, keraseq.layers; keraseq.layers.import_all();"
        "model = keras.saving.load_model(sys.argv[1] + '/model.keras'); data = np.load(sys.argv[1] + '/data.npz');"
        "np.testing.assert_allclose(model([data['x'], data['rows']]), data['expected'], atol=1e-6)"
    )
    np.savez(tmp_path / "data.npz", x=X, rows=rows, expected=expected)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
