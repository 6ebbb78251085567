"""What speed records say: throughput, latency and memory against the length of sequences, and how they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keraseq.benchmarking.report.content import Chart, Part, Section, Series, Table, number
from keraseq.benchmarking.results import Run
from keraseq.benchmarking.statistics import exponent

MEASURES = {  # where in `cost` → name, unit, and whether it is a rate
    ("train", "examples_per_second"): ("training", "sequences a second", True),
    ("inference", "examples_per_second"): ("inference", "sequences a second", True),
    ("latency", "sequence"): ("latency of one sequence", "ms", False),
    ("latency", "step"): ("latency of one step", "ms", False),
    ("memory",): ("peak memory", "bytes", False),
    ("compile_seconds",): ("compiling", "s", False),
}
DRAWN = tuple(MEASURES)[:5]


def speed(runs: Sequence[Run]) -> Section | None:
    """Throughput against length, with fitted exponents; None where nothing was measured."""
    records = [run.record for run in runs if run.record.kind == "speed" and run.record.cost]
    if not records:
        return None
    points: dict[tuple[str, ...], dict[str, dict[int, tuple[float, float, float]]]] = {}
    for record in records:
        for path in MEASURES:
            spread = _spread(record.cost or {}, path)
            if spread is not None and record.length:
                points.setdefault(path, {}).setdefault(record.family, {})[record.length] = spread
    figures = [_chart(path, points[path]) for path in DRAWN if path in points and _lengths(points[path]) > 1]
    text = (
        "Each number is the median of several repeats after a warm-up, with the lowest and the highest. b is the "
        "exponent fitted to cost = a · length^b: 1 grows with the length, 2 with its square.",
    )
    tables = (_growth(points),) if figures else ()
    parts = (
        Part(tables=tables, figures=tuple(figures)),
        Part("All measurements", tables=(_all(points),), closed=True),
    )
    return Section("speed", "Speed", text, parts)


def _chart(path: tuple[str, ...], families: Mapping[str, Mapping[int, tuple[float, float, float]]]) -> Chart:
    name, unit, rate = MEASURES[path]
    series, told = [], []
    for family, found in families.items():
        lengths = sorted(found)
        median, low, high = zip(*(found[length] for length in lengths), strict=True)
        b = _exponent(found, rate)
        called = family if b is None else f"{family}, b = {b:.2f}"
        series.append(Series(called, tuple(lengths), median, low, high, style=family))
        told.append(called)
    return Chart(
        f"{name} against length",
        f"One line a family, with the exponent b of its cost: {'; '.join(told)}.",
        "steps of a sequence",
        f"{name} [{unit}]",
        tuple(series),
        log_x=True,
        log_y=True,
    )


def _growth(points: Mapping[tuple[str, ...], Mapping[str, Mapping[int, tuple[float, float, float]]]]) -> Table:
    shown = [path for path in DRAWN if path in points]
    families = list(dict.fromkeys(family for path in shown for family in points[path]))
    rows = []
    for family in families:
        found = [_exponent(points[path].get(family, {}), MEASURES[path][2]) for path in shown]
        rows.append((family, *("–" if b is None else f"{b:.2f}" for b in found)))
    return Table(("family", *(f"#{MEASURES[path][0]}, b" for path in shown)), tuple(rows), "Exponents of the cost")


def _all(points: Mapping[tuple[str, ...], Mapping[str, Mapping[int, tuple[float, float, float]]]]) -> Table:
    rows = [
        (
            family,
            number(length),
            MEASURES[path][0],
            number(median),
            f"{number(low)} … {number(high)}",
            MEASURES[path][1],
        )
        for path, families in points.items()
        for family, found in families.items()
        for length, (median, low, high) in sorted(found.items())
    ]
    return Table(("family", "#length", "what", "#median", "#lowest … highest", "unit"), tuple(rows))


def _exponent(found: Mapping[int, tuple[float, float, float]], rate: bool) -> float | None:
    lengths = sorted(found)
    costs = [1 / found[length][0] if rate else found[length][0] for length in lengths if found[length][0] > 0]
    return exponent(lengths, costs) if len(costs) == len(lengths) and costs else None


def _lengths(families: Mapping[str, Mapping[int, Any]]) -> int:
    return len({length for found in families.values() for length in found})


def _spread(cost: Mapping[str, Any], path: tuple[str, ...]) -> tuple[float, float, float] | None:
    """Median, lowest and highest; a number that was measured once is all three."""
    value: Any = cost
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        ends = [value.get(name) for name in ("median", "low", "high")]
        return (ends[0], ends[1], ends[2]) if all(isinstance(end, int | float) for end in ends) else None
    return (float(value),) * 3 if isinstance(value, int | float) else None
