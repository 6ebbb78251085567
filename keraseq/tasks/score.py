"""Scores of whole answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keraseq.config import check


def exact_match(found: Sequence[Any], wanted: Sequence[Any]) -> float:
    """The share of answers that are right from beginning to end, in [0, 1].

    Args:
        found: answers.
        wanted: the right ones, in the same order.

    Example:
        >>> exact_match(["I_WALK I_RUN", "I_JUMP"], ["I_WALK I_RUN", "I_JUMP I_JUMP"])
        0.5
    """
    check(len(found) == len(wanted) > 0, f"as many answers as right ones are wanted; got {len(found)}, {len(wanted)}")
    return sum(a == b for a, b in zip(found, wanted, strict=True)) / len(wanted)
