"""Reductions over time that see only valid steps and stay finite for a row without any.

Shapes: `x` is `(batch, time, features)`, `mask` is `(batch, time)`, True at valid steps, or None where all are.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def zero_padding(x: Any, mask: Any) -> Any:
    """`x` with zeros at the steps that are not valid, whatever was there."""
    if mask is None:
        return x
    return ops.where(_steps(mask), x, ops.zeros_like(x))


def last_valid_index(mask: Any) -> Any:
    """Index of the last valid step of each row, int32, `(batch,)`; -1 for a row that is all padding."""
    steps = ops.arange(ops.shape(mask)[1], dtype="int32")
    return ops.max(ops.where(ops.cast(mask, "bool"), steps[None, :], -1), axis=1)


def first_valid_index(mask: Any) -> Any:
    """Index of the first valid step of each row, int32, `(batch,)`; -1 for a row that is all padding."""
    length = ops.shape(mask)[1]
    steps = ops.arange(length, dtype="int32")
    first = ops.min(ops.where(ops.cast(mask, "bool"), steps[None, :], length), axis=1)
    return ops.where(first == length, -1, first)


def mean(x: Any, mask: Any) -> Any:
    """Mean over valid steps, `(batch, features)`, summed in float32; zeros for a row that is all padding."""
    total = ops.sum(ops.cast(zero_padding(x, mask), "float32"), axis=1)
    if mask is None:
        count = ops.cast(ops.shape(x)[1], "float32")
    else:
        count = ops.sum(ops.cast(mask, "float32"), axis=1, keepdims=True)
    return ops.cast(total / ops.maximum(count, 1.0), x.dtype)


def maximum(x: Any, mask: Any) -> Any:
    """Maximum over valid steps, `(batch, features)`; zeros for a row that is all padding."""
    if mask is None:
        return ops.max(x, axis=1)
    valid = _steps(mask)
    highest = ops.max(ops.where(valid, x, ops.cast(-float("inf"), x.dtype)), axis=1)
    return ops.where(ops.any(valid, axis=1), highest, ops.zeros_like(highest))


def last(x: Any, mask: Any) -> Any:
    """The last valid step, `(batch, features)`; zeros for a row that is all padding."""
    return x[:, -1] if mask is None else _pick(x, last_valid_index(mask))


def first(x: Any, mask: Any) -> Any:
    """The first valid step, `(batch, features)`; zeros for a row that is all padding."""
    return x[:, 0] if mask is None else _pick(x, first_valid_index(mask))


def _steps(mask: Any) -> Any:
    return ops.expand_dims(ops.cast(mask, "bool"), -1)


def _pick(x: Any, index: Any) -> Any:
    """Step `index` of each row; zeros where it is -1."""
    chosen = ops.arange(ops.shape(x)[1], dtype="int32")[None, :] == index[:, None]
    return ops.sum(ops.where(chosen[:, :, None], x, ops.zeros_like(x)), axis=1)
