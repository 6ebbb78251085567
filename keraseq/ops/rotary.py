"""Positions as rotations."""

from __future__ import annotations

from typing import Any

from keras import ops


def rotary(x: Any, before: Any = 0, base: float = 10_000.0) -> Any:
    """Turns each pair of features by an angle that grows with the position.

        x'_t = R(t) x_t,   R(t) = blocks of [[cos tθ_i, -sin tθ_i], [sin tθ_i, cos tθ_i]],   θ_i = base^(-2i / size)

    so that `x'_s · y'_t` depends on positions only through `t - s`. Positions count from the first step as laid out;
    by that property padding in front of a row changes nothing.

    Args:
        x: queries or keys, `(batch, time, heads, size)` or `(batch, time, size)`, size even.
        before: steps in front of the first of `x`.
        base: the longest wavelength is `2π · base` steps.

    Reference: Su et al. 2021, RoFormer, arXiv:2104.09864.

    Differs from the paper: feature i is paired with feature i + size / 2, as most implementations do, not with its
    neighbour.
    """
    half = x.shape[-1] // 2
    frequency = base ** -(ops.arange(half, dtype="float32") / half)  # (half,)
    t = ops.cast(before + ops.arange(ops.shape(x)[1], dtype="int32"), "float32")
    angle = t[:, None] * frequency  # (time, half)
    angle = angle[None, :, None] if len(x.shape) == 4 else angle[None]
    cos, sin = ops.cast(ops.cos(angle), x.dtype), ops.cast(ops.sin(angle), x.dtype)
    a, b = x[..., :half], x[..., half:]
    return ops.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
