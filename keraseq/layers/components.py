"""Self-attention as an argument of a block: a layer, or a number of heads."""

from __future__ import annotations

from typing import Any

import keras

from keraseq.config import check
from keraseq.layers.attention import MultiHeadAttention
from keraseq.layers.streaming import CrossStreaming, Streaming


def self_attention(given: int | Streaming, causal: bool, positions: str | None, policy: Any) -> Streaming:
    """The layer that was given, or `MultiHeadAttention` with as many heads, this `causal` and these `positions`.

    Raises:
        UsageError: neither of both, or heads below 1.
    """
    if isinstance(given, int):
        return MultiHeadAttention(given, causal=causal, positions=positions, name="attention", dtype=policy)
    check(
        isinstance(given, Streaming) and not isinstance(given, CrossStreaming),
        "the self-attention must be a number of heads or a layer, such as MultiHeadAttention(4, causal=True); "
        f"got {given!r}",
    )
    return given


def serialised(given: int | Streaming) -> Any:
    """What was given, for a configuration."""
    return given if isinstance(given, int) else keras.saving.serialize_keras_object(given)


def deserialised(given: Any) -> int | Streaming:
    """What was given, from a configuration."""
    return given if isinstance(given, int) else keras.saving.deserialize_keras_object(given)
