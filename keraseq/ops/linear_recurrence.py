"""The linear recurrence over a whole sequence, by a parallel scan.

    h_t = a_t * h_(t-1) + b_t

Two steps in a row change a state as one: `h → a_2 * (a_1 * h + b_1) + b_2`. So the steps need not be taken one after
another: on TensorFlow they are taken in √time chunks side by side, elsewhere by `keras.ops.associative_scan`.

The gradient is derived by hand (first derivatives only): it is the same recurrence, run backwards.

    g_t = dL/dh_t + conj(a_(t+1)) * g_(t+1)
    dL/da_t = g_t * conj(h_(t-1)),   dL/db_t = g_t,   dL/dh_0 = conj(a_1) * g_1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keraseq.ops.parts import Parts, add, conjugate, multiply


def linear_recurrence(a: Any, b: Any, h0: Any = None, mask: Any = None) -> tuple[Any, Any]:
    """All states of a real or complex linear recurrence, and the last.

    Args:
        a, b: `(batch, time, …)`, float32, of one shape; or pairs of such, real and imaginary part.
        h0: state before the first step, `(batch, …)`, or a pair; None is zero.
        mask: bool, `(batch, time)`, True at valid steps, or None. At the others the state is carried on unchanged,
            and their `a` and `b` are never looked at.

    Returns:
        The states, `(batch, time, …)`, and the last of them, `(batch, …)`; pairs for pairs.
    """
    if not isinstance(b, tuple):
        (h,), (last,) = linear_recurrence((a,), (b,), None if h0 is None else (h0,), mask)
        return h, last
    if mask is not None:
        valid = ops.reshape(ops.cast(mask, "bool"), (*ops.shape(mask), *(1,) * (len(b[0].shape) - 2)))
        a = tuple(ops.where(valid, part, float(i == 0)) for i, part in enumerate(a))
        b = tuple(ops.where(valid, part, 0.0) for part in b)
    h0 = tuple(ops.zeros_like(part[:, 0]) for part in b) if h0 is None else h0
    if b[0].shape[1] == 1:
        h = add(multiply(a, tuple(part[:, None] for part in h0)), b)
    else:
        h = _flat(_differentiable(len(b)), a, b, h0)
    return h, tuple(part[:, -1] for part in h)


def _flat(run: Callable[..., Any], a: Parts, b: Parts, h0: Parts) -> Parts:
    """`run` on `(batch, time, width)`: the axes after time as one."""
    batch, time, *rest = ops.shape(b[0])
    wide = [ops.reshape(part, (batch, time, -1)) for part in (*a, *b)]
    h = run(*wide, *(ops.reshape(part, (batch, -1)) for part in h0))
    return tuple(ops.reshape(part, (batch, time, *rest)) for part in h)


def _differentiable(n: int) -> Callable[..., Parts]:
    """The scan, as a function of the `n` parts of a, then of b, then of h0, with its gradient."""

    @ops.custom_gradient
    def run(*parts: Any) -> Any:
        a, b, h0 = parts[:n], parts[n : 2 * n], parts[2 * n :]
        h = _scan(a, b, h0)

        def gradient(*upstream: Any) -> Parts:
            a_next = conjugate(tuple(ops.concatenate([part[:, 1:], part[:, :1]], axis=1) for part in a))
            zero = tuple(ops.zeros_like(part) for part in h0)
            g = _scan(a_next, tuple(keras.tree.flatten(upstream)), zero, reverse=True)
            before = tuple(ops.concatenate([x[:, None], y[:, :-1]], axis=1) for x, y in zip(h0, h, strict=True))
            first = multiply(conjugate(_step(a, 0)), _step(g, 0))
            return *multiply(g, conjugate(before)), *g, *first

        return h, gradient

    return run


def _step(x: Parts, t: int) -> Parts:
    return tuple(part[:, t] for part in x)


def _scan(a: Parts, b: Parts, h0: Parts, reverse: bool = False) -> Parts:
    if keras.backend.backend() == "tensorflow":
        from keraseq.ops import _linear_recurrence_tensorflow

        return _linear_recurrence_tensorflow.scan(a, b, h0, reverse)
    from keraseq.ops import _linear_recurrence_portable

    return _linear_recurrence_portable.scan(a, b, h0, reverse)
