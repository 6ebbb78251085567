"""Numbers as tuples of real tensors: a real number is `(x,)`, a complex one `(real, imaginary)`.

So complex states pass through masks, mixed precision and optimisers as any other tensors do.
"""

from __future__ import annotations

from typing import Any

from keras import ops

Parts = tuple[Any, ...]


def add(a: Parts, b: Parts) -> Parts:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def multiply(a: Parts, b: Parts) -> Parts:
    if len(a) == 1:
        return (a[0] * b[0],)
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def conjugate(a: Parts) -> Parts:
    return a if len(a) == 1 else (a[0], -a[1])


def exp(a: Parts) -> Parts:
    """`e^a` of a complex number."""
    size = ops.exp(a[0])
    return size * ops.cos(a[1]), size * ops.sin(a[1])


def expm1(a: Parts) -> Parts:
    """`e^a - 1` of a complex number, exact for small ones too."""
    size, half = ops.exp(a[0]), ops.sin(a[1] / 2)
    return ops.expm1(a[0]) - 2 * size * half * half, size * ops.sin(a[1])


def divide(a: Parts, b: Parts) -> Parts:
    """`a / b` of complex numbers."""
    squared = b[0] * b[0] + b[1] * b[1]
    return tuple(x / squared for x in multiply(a, conjugate(b)))
