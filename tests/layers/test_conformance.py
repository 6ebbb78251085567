"""Every registered layer passes every check."""

import pytest

from keraseq import layers
from keraseq.registry import layers as registry
from keraseq.testing import LAYER_CHECKS

CASES = {
    "simple_rnn": [lambda: layers.SimpleRNN(5)],
    "lstm": [lambda: layers.LSTM(5)],
    "gru": [lambda: layers.GRU(5), lambda: layers.GRU(5, reverse=True)],
    "bidirectional": [lambda: layers.Bidirectional(layers.LSTM(3))],
    "conv1d": [
        lambda: layers.Conv1D(5, 3, dilation_rate=2, weight_norm=True),
        lambda: layers.Conv1D(5, 4, causal=False, kernel_initializer="he_normal"),
    ],
    "tcn_block": [lambda: layers.TCNBlock(5, 2, dilation_rate=3), lambda: layers.TCNBlock(4, 3, dropout=0.3)],
    "multi_head_attention": [
        lambda: layers.MultiHeadAttention(3),
        lambda: layers.MultiHeadAttention(2, key_size=4, causal=True, positions="rotary", dropout=0.2),
    ],
    "sinusoidal_positions": [lambda: layers.SinusoidalPositions(base=100.0)],
    "learned_positions": [lambda: layers.LearnedPositions(12)],
    "transformer_block": [
        lambda: layers.TransformerBlock(2, feed_forward=1.5, positions="rotary"),
        lambda: layers.TransformerBlock(2, causal=True, dropout=0.2),
    ],
    "pooling": [lambda kind=kind: layers.Pooling(kind) for kind in ("mean", "max", "last", "ends")],
}

# Takes two inputs: tested in test_layers.py, and used by the checks themselves.
OTHERS = ["attach_mask"]


def test_every_layer_has_a_case() -> None:
    assert sorted([*CASES, *OTHERS]) == sorted(registry.builtin)


@pytest.mark.parametrize("name", sorted(CASES))
def test_case_is_the_registered_layer(name: str) -> None:
    assert all(isinstance(create(), registry.get(name)) for create in CASES[name])


@pytest.mark.parametrize("check", LAYER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", sorted(CASES))
def test_conformance(name, check) -> None:
    for create in CASES[name]:
        check(create)
