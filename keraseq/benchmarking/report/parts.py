"""What several sections say or draw in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keraseq.benchmarking.report.content import Series
from keraseq.benchmarking.results import Entry, Row


def point(entry: Entry, x: Any) -> Series:
    """The mean of an entry that has scores, at `x`, with its interval."""
    score = entry.score
    assert score is not None
    if score.low is None or score.high is None:
        return Series(entry.name, (x,), (score.mean,), style=entry.name)
    return Series(entry.name, (x,), (score.mean,), (score.low,), (score.high,), style=entry.name)


def line(name: str, points: Sequence[tuple[float, ...]], style: str = "", steps: bool = False) -> Series:
    """Points `(x, y)`, or `(x, y, low, high)`, joined."""
    columns = tuple(zip(*points, strict=True))
    low, high = columns[2:] or ((), ())
    return Series(name, columns[0], columns[1], low, high, style, "steps" if steps else "straight")


def better(row: Row) -> str:
    """The score of a row, and where it is to go."""
    return f"{row.metric}, {'higher' if row.direction == 'max' else 'lower'} is better"


def axis(row: Row) -> str:
    """The score of a row, as an axis calls it."""
    return f"{row.metric} on test ({'higher' if row.direction == 'max' else 'lower'} is better)"


def plain(settings: Mapping[str, Any]) -> str:
    """Settings as `name=value`."""
    return ", ".join(
        f"{name}={', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in settings.items()
    )


def wide(values: Sequence[float]) -> bool:
    """Whether values ask for a logarithmic axis."""
    return bool(values) and min(values) > 0 and max(values) > 20 * min(values)
