"""The width at which a model comes to a wanted size, by whatever measure grows with it."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from keraseq.errors import KeraseqError, UsageError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measure:
    """What a width is solved for.

    Attributes:
        name: as people write it, `"parameters"`.
        unit: what its values are called.
        tolerance: share of the wanted value by which the nearest may miss it without a warning.
        exact: whether it is the same each time it is taken. One that is not is taken `most` times at most, from the
            default width on, until it is within tolerance.
        most: widths at which it is taken.
    """

    name: str
    unit: str
    tolerance: float = 0.05
    exact: bool = True
    most: int | None = None

    def show(self, value: float) -> str:
        """A value with its unit: `9000 parameters`, `12.5 ms a step`."""
        return f"{_number(value)} {self.unit}"


PARAMETERS = Measure("parameters", "parameters")
FLOPS = Measure("flops", "flops")
STEP_TIME = Measure("step-time", "ms a step", tolerance=0.1, exact=False, most=8)
MEASURES = {measure.name: measure for measure in (PARAMETERS, FLOPS, STEP_TIME)}


def solve(
    take: Callable[[int], float], wanted: float, measure: Measure, *, title: str, field: str, start: int = 1
) -> int:
    """The width, at least 1, whose measure comes nearest to `wanted`.

    The width doubles or halves, by fours where a measure is not exact, until the wanted value lies between two widths,
    which then close in on it.

    Args:
        take: width → value, which grows with it.
        wanted: above 0.
        measure: what `take` takes.
        title: of the family, for messages.
        field: name of the width, for messages.
        start: width at which it begins.

    Raises:
        UsageError: the smallest model is above `wanted` already.
        KeraseqError: no width gets there.
    """
    seen: dict[int, float] = {}

    @functools.cache
    def at(width: int) -> float:
        seen[width] = take(width)
        return seen[width]

    def misses(width: int) -> float:
        return abs(seen[width] - wanted)

    def settled() -> bool:
        """Whether there is no use in taking more."""
        return not measure.exact and misses(min(seen, key=misses)) <= measure.tolerance * wanted

    low, high = _bracket(at, wanted, measure, start, settled, f"{title}: {field}")
    if low == high and not settled() and at(1) > wanted * (1 + (0 if measure.exact else measure.tolerance)):
        raise UsageError(
            f"{measure.name} must be at least {_number(at(1))}, the smallest {title} with these settings; got "
            f"{_number(wanted)}"
        )
    while high - low > 1 and not settled() and len(seen) < (measure.most or math.inf):
        # What is measured grows about as the square of the width: interpolate roots, but always shrink the bracket,
        # and halve it now and then, which a constant part of the measure makes the faster way.
        share = (wanted**0.5 - at(low) ** 0.5) / (at(high) ** 0.5 - at(low) ** 0.5 or 1.0)
        share = 0.5 if len(seen) % 3 == 0 else share
        middle = min(max(low + round(share * (high - low)), low + 1), high - 1)
        low, high = (middle, high) if at(middle) <= wanted else (low, middle)
    width = min(sorted(seen), key=misses)
    if misses(width) > measure.tolerance * wanted:
        logger.warning(
            "%s: no %s gives %s to within %.0f %%; the nearest, %d, gives %s",
            title, field, measure.show(wanted), 100 * measure.tolerance, width, _number(at(width)),
        )  # fmt: skip
    return width


def _bracket(
    at: Callable[[int], float], wanted: float, measure: Measure, start: int, settled: Callable[[], bool], owner: str
) -> tuple[int, int]:
    """Two widths with the wanted value between them; twice 1 where that is too much already."""
    factor = 2 if measure.exact else 4
    if at(start) > wanted:
        low = high = start
        while low > 1 and not settled() and at(low) > wanted:
            low, high = max(1, low // factor), low
        return (low, high) if settled() or at(low) <= wanted else (1, 1)
    low, high, taken = start, factor * start, 2
    while not settled() and at(high) < wanted:
        low, high, taken = high, factor * high, taken + 1
        # Of an exact measure, one that does not grow never will; of one with noise, when it has grown often enough.
        if measure.exact and at(high) <= at(low):
            raise KeraseqError(
                f"{owner} = {low} and {high} both give {measure.show(at(low))}; {_number(wanted)} cannot be reached by "
                "it"
            )
        if taken == measure.most and at(high) < wanted:
            raise KeraseqError(
                f"{owner} = {high} gives but {measure.show(at(high))}; {_number(wanted)} cannot be reached by it"
            )
    return low, high


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}" if value < 1e6 else f"{value:.0f}"
