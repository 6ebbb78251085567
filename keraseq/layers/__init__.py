"""Keras layers, each importable from here: `layers.GRU(64)`.

This package imports Keras only when one of them is first used. `import_all` makes all of them known to
`keras.saving.load_model`.
"""

import importlib
from typing import Any

_MODULES = {
    "ALiBi": "relative_positions",
    "AdditiveAttention": "single_attention",
    "AttachMask": "masking",
    "AttentionPooling": "attention_pooling",
    "Bidirectional": "bidirectional",
    "BlankPadding": "blank_padding",
    "ConformerBlock": "conformer_block",
    "ConformerConvolution": "conformer_block",
    "Conv1D": "convolution",
    "CrossAttention": "cross_attention",
    "CrossAttentionBlock": "cross_attention_block",
    "DepthwiseConv1D": "depthwise",
    "DotProductAttention": "single_attention",
    "FeedForward": "feed_forward",
    "GRU": "recurrent",
    "GatedBlock": "gated_block",
    "GatedConv1D": "gated_convolution",
    "LRU": "lru",
    "LSTM": "recurrent",
    "LearnedPositions": "positions",
    "LinearAttention": "linear_attention",
    "LogMel": "log_mel",
    "MambaBlock": "mamba_block",
    "MinGRU": "min_gru",
    "MinLSTM": "min_gru",
    "MultiHeadAttention": "attention",
    "MultiplicativeAttention": "single_attention",
    "Pooling": "pooling",
    "RelativeBias": "relative_positions",
    "Rotary": "relative_positions",
    "S4D": "s4d",
    "ScheduledSampling": "scheduled_sampling",
    "SelectiveSSM": "selective_ssm",
    "SeparableConv1D": "separable",
    "SimpleRNN": "recurrent",
    "SinusoidalPositions": "positions",
    "TCNBlock": "tcn_block",
    "TransformerBlock": "transformer_block",
    "TransformerDecoderBlock": "transformer_block",
}

__all__ = ["import_all", *_MODULES]


def import_all() -> None:
    """Imports every layer of keraseq, so that a saved model that uses them loads."""
    for module in sorted(set(_MODULES.values())):
        importlib.import_module(f"{__name__}.{module}")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
