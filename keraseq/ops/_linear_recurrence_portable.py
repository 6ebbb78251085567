"""The parallel scan of a linear recurrence by `keras.ops.associative_scan`."""

from __future__ import annotations

from keras import ops

from keraseq.ops.parts import Parts, add, multiply

Change = tuple[Parts, Parts]
"""What some steps do to a state, `h → p * h + e`, as `(p, e)`."""


def scan(a: Parts, b: Parts, h0: Parts, reverse: bool) -> Parts:
    """As `scan` of `_linear_recurrence_tensorflow`."""
    p, e = ops.associative_scan(_then, (a, b), axis=1, reverse=reverse)
    return add(multiply(p, tuple(part[:, None] for part in h0)), e)


def _then(first: Change, second: Change) -> Change:
    (p, e), (q, f) = first, second
    return multiply(q, p), add(multiply(q, e), f)
