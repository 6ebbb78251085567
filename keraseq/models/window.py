"""Each window of a series on its own scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

EPSILON = 1e-5


def normalised(x: keras.KerasTensor) -> tuple[keras.KerasTensor, Callable[[keras.KerasTensor], keras.KerasTensor]]:
    """`(batch, time, size)` with mean 0 and deviation 1 over time, and the way back for `(batch, horizon, size)`.

    Reference: Kim et al. 2022, Reversible instance normalization, openreview.net/forum?id=cGDAkQo1C0p.
    """
    from keras import ops

    mean = ops.mean(x, axis=1, keepdims=True)
    deviation = ops.sqrt(ops.var(x, axis=1, keepdims=True) + EPSILON)
    return (x - mean) / deviation, lambda y: y * deviation + mean
