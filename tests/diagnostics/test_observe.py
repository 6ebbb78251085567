"""Attention maps and gates are those with which the layers computed their outputs."""

from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from keraseq import layers
from keraseq.diagnostics import attention_maps, gate_activations
from keraseq.errors import UsageError
from keraseq.models import Classification, Tokens, Translation, create_model

TEXT = SimpleNamespace(inputs=Tokens(9), output=Classification(("a", "b")))
TOKENS = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 0, 0]])


def inputs(features=3):
    return np.random.default_rng(0).normal(size=(2, 6, features)).astype("float32")


MASK = np.array([[1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 0]], bool)


@pytest.mark.parametrize(
    "settings",
    [{}, {"causal": True}, {"attention": "linear", "positions": "none", "causal": True}],
    ids=["all", "causal", "linear"],
)
def test_maps_of_a_transformer(settings):
    model = create_model("transformer", TEXT, seed=0, layers=2, heads=2, units=8, **settings)
    maps = attention_maps(model, TOKENS)
    assert sorted(maps) == ["block_0", "block_1"]
    for weights in maps.values():
        assert weights.shape == (2, 2, 5, 5)
        np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
        assert not weights[1, :, :3, 3:].any()  # padding
        if settings:
            assert not np.triu(weights[0], k=1).any()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("positions", [None, "rotary"])
def test_maps_of_linear_attention_make_its_output(causal, positions):
    layer = layers.LinearAttention(1, key_size=4, causal=causal, positions=positions)
    x = inputs(4)
    y = ops.convert_to_numpy(layer(x, mask=MASK))
    weights = ops.convert_to_numpy(layer.attention_weights(x, MASK))[:, 0]
    values = ops.convert_to_numpy(layer.split(x)[2])[:, :, 0]
    combined = (weights @ values) @ ops.convert_to_numpy(layer.combine.kernel)
    np.testing.assert_allclose(combined, y, atol=1e-5)


def test_maps_of_a_decoder_are_of_the_source():
    task = SimpleNamespace(inputs=Tokens(9), output=Translation(vocabulary_size=12, start=10, end=11))
    model = create_model("gru", task, seed=0, units=8, cross_attention="additive")
    maps = attention_maps(model, {"source": TOKENS, "previous": np.array([[10, 1, 2], [10, 3, 0]])})
    (weights,) = maps.values()
    assert list(maps) == ["decoder/attend_0"]
    assert weights.shape == (2, 1, 3, 5)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert not weights[1, :, :, 3:].any()


def previous(h):
    return np.concatenate([np.zeros_like(h[:, :1]), h[:, :-1]], axis=1)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_gates_of_a_gru_mix_its_states(layer_norm, reverse):
    layer = layers.GRU(4, layer_norm=layer_norm, reverse=reverse)
    x = inputs()
    h = ops.convert_to_numpy(layer(x))
    z = ops.convert_to_numpy(layer.gate_activations(x)["z"])
    before = np.flip(previous(np.flip(h, 1)), 1) if reverse else previous(h)
    n = (h - z * before) / (1 - z)  # the candidate that follows from the gate
    assert ((z > 0) & (z < 1)).all()
    assert (np.abs(n) <= 1 + 1e-4).all()
    if not layer_norm:
        kernel = ops.convert_to_numpy(layer.kernel)[:, :4]
        recurrent = ops.convert_to_numpy(layer.recurrent_kernel)[:, :4]
        np.testing.assert_allclose(z, 1 / (1 + np.exp(-(x @ kernel + before @ recurrent))), atol=1e-5)


def test_gates_of_an_lstm_rebuild_its_states():
    layer = layers.LSTM(4)
    x = inputs()
    h = ops.convert_to_numpy(layer(x, mask=MASK))
    gates = {name: ops.convert_to_numpy(gate) for name, gate in layer.gate_activations(x, MASK).items()}
    assert sorted(gates) == ["f", "i", "o"]
    kernel, recurrent = (
        ops.convert_to_numpy(layer.kernel)[:, 8:12],
        ops.convert_to_numpy(layer.recurrent_kernel)[:, 8:12],
    )
    c, last = np.zeros((2, 4)), np.zeros((2, 4))
    for t in range(6):
        g = np.tanh(x[:, t] @ kernel + last @ recurrent)
        moved = gates["f"][:, t] * c + gates["i"][:, t] * g
        valid = MASK[:, t, None]
        c = np.where(valid, moved, c)
        last = np.where(valid, gates["o"][:, t] * np.tanh(moved), last)
        np.testing.assert_allclose(last, h[:, t], atol=1e-5)


@pytest.mark.parametrize("name", ["min_gru", "min_lstm", "lstm", "gru"])
def test_gates_are_found_in_a_model(name):
    found = gate_activations(create_model(name, TEXT, seed=0, units=4, layers=2), TOKENS)
    assert len(found) == 2
    for gates in found.values():
        for values in gates.values():
            assert values.shape == (2, 5, 4)
            assert ((values >= 0) & (values <= 1)).all()


def test_both_directions_are_told_apart():
    found = gate_activations(create_model("gru", TEXT, seed=0, units=4, bidirectional=True), TOKENS)
    assert sorted(found) == ["bidirectional_0/backward", "bidirectional_0/forward"]


def test_a_model_without_is_refused():
    model = create_model("tcn", TEXT, levels=1)
    with pytest.raises(UsageError, match="'tcn' has no layer with attention weights"):
        attention_maps(model, TOKENS)
    with pytest.raises(UsageError, match="'tcn' has no layer with gates"):
        gate_activations(model, TOKENS)
