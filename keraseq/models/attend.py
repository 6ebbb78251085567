"""How the blocks of a decoder read from the encoder."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keraseq import layers

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras


@dataclass(frozen=True)
class Attend:
    """Attention of a decoder's steps to the encoder's, with weights of its own wherever it is applied.

    Attributes:
        context: what the encoder gives, `(batch, context time, features)`, with its mask.
        attention: `"multi_head"`, `"multiplicative"` or `"additive"`.
        heads: of multi-head attention.
        dropout: fraction of what was read that is zeroed in training.
    """

    context: keras.KerasTensor
    attention: str = "multi_head"
    heads: int = 4
    dropout: float = 0.0
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False, compare=False)

    def __call__(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, time, features)` → the same, with what was read from the context added."""
        block = layers.CrossAttentionBlock(
            attention=self.attention, heads=self.heads, dropout=self.dropout, name=f"attend_{next(self._numbers)}"
        )
        return block(x, self.context)
