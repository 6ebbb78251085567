"""Moving steps along time, and keeping the last of them."""

from __future__ import annotations

from typing import Any

from keras import ops


def pad_time(x: Any, before: int, after: int = 0) -> Any:
    """`(batch, time, features)` with `before` steps of zeros in front and `after` behind.

    `before = receptive field - 1` makes an unpadded convolution causal.
    """
    return ops.pad(x, ((0, 0), (before, after), (0, 0)))


def latest(x: Any, steps: int) -> Any:
    """The last `steps` steps of `(batch, time, …)`, which has at least as many."""
    return x[:, ops.shape(x)[1] - steps :]
