"""Keras layers, each importable from here: `layers.GRU(64)`.

This package imports Keras only when one of them is first used. `import_all` makes all of them known to
`keras.saving.load_model`.
"""

import importlib
from typing import Any

_MODULES = {
    "AttachMask": "masking",
    "Bidirectional": "bidirectional",
    "Conv1D": "convolution",
    "GRU": "recurrent",
    "LSTM": "recurrent",
    "LearnedPositions": "positions",
    "MultiHeadAttention": "attention",
    "Pooling": "pooling",
    "SimpleRNN": "recurrent",
    "SinusoidalPositions": "positions",
    "TCNBlock": "tcn_block",
    "TransformerBlock": "transformer_block",
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
