"""What models cost as sequences grow: how fast, by a power of the length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from keraseq.benchmarking.records import Record

LEAST = 512  # steps from which on a fit is made: below it what does not grow weighs most
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Growth:
    """A cost that grows as `length ** exponent`.

    Attributes:
        exponent: slope of the straight line through logarithms; 1 is linear, 2 quadratic.
        low, high: its 95 % interval; None where there are only two lengths.
        lengths: of what the line goes through.
    """

    exponent: float
    low: float | None
    high: float | None
    lengths: tuple[int, ...]


def growth(costs: Mapping[int, float], least: int = LEAST) -> Growth | None:
    """How a cost grows with length, from `least` steps on; None where there are fewer than two such lengths.

    Args:
        costs: length → cost, above 0.

    Example:
        >>> found = growth({512: 10.0, 1024: 20.0, 2048: 40.0})
        >>> round(found.exponent, 6)
        1.0
    """
    lengths = tuple(sorted(length for length in costs if length >= least))
    if len(lengths) < 2:
        return None
    line = stats.linregress(np.log(lengths), np.log([costs[length] for length in lengths]))
    slope = float(line.slope)
    if len(lengths) == 2:
        return Growth(slope, None, None, lengths)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(lengths) - 2)) * float(line.stderr)
    return Growth(slope, slope - half, slope + half, lengths)


MEASURES: Mapping[str, tuple[str, ...]] = {
    "training": ("train", "examples_per_second"),
    "inference": ("inference", "examples_per_second"),
    "latency": ("latency", "sequence"),
    "step": ("latency", "step"),
}


def by_length(found: Iterable[Record], measure: str) -> dict[str, dict[int, float]]:
    """Family → length → milliseconds of one sequence, or of one step for `step`.

    Args:
        found: records; those that are not of speed, or lack the measure, are left out.
        measure: name in `MEASURES`.
    """
    first, second = MEASURES[measure]
    costs: dict[str, dict[int, float]] = {}
    for record in found:
        told: Any = ((record.cost or {}).get(first) or {}).get(second)
        if told and record.length:
            median = told["median"]
            costs.setdefault(record.family, {})[record.length] = 1000 / median if "per_second" in second else median
    return costs
