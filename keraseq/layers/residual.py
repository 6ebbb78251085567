"""Normalisation around the parts of a residual block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keraseq.config import check

Norm = Callable[[Any], Any]

PLACES = ("pre", "post")


def check_norm(place: str) -> None:
    """Raises UsageError unless `place` is one of PLACES."""
    check(place in PLACES, f"norm must be 'pre' or 'post'; got {place!r}")


def entering(x: Any, norm: Norm, place: str) -> Any:
    """What a part is given: `norm(x)`, or `x` where it is normalised after."""
    return norm(x) if place == "pre" else x


def leaving(x: Any, y: Any, norm: Norm, place: str) -> Any:
    """What follows a part that gave `y`: `x + y`, or `norm(x + y)`."""
    return x + y if place == "pre" else norm(x + y)
