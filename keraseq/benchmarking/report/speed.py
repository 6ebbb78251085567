"""What speed records say: throughput, latency and memory against the length of sequences, and how they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keraseq.benchmarking.cost import LEAST, growth
from keraseq.benchmarking.report.content import Chart, Part, Section, Series, Table, number
from keraseq.benchmarking.results import Run

MEASURES = {  # where in `cost` → name, unit, whether it is a rate, and factor to the unit
    ("train", "examples_per_second"): ("training", "sequences a second", True, 1.0),
    ("inference", "examples_per_second"): ("inference", "sequences a second", True, 1.0),
    ("latency", "sequence"): ("latency of one sequence", "ms", False, 1.0),
    ("latency", "step"): ("latency of one step", "ms", False, 1.0),
    ("memory",): ("peak memory", "MiB", False, 2.0**-20),
    ("compile_seconds",): ("compiling", "s", False, 1.0),
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
        "Each number is the median of several repeats after a warm-up, with quartiles. b is the "
        f"exponent fitted to cost = a · length^b from {LEAST} steps on: 1 grows with the length, 2 with its square.",
    )
    growths = _growth(points)
    tables = (growths,) if growths.rows else ()
    parts = (
        Part(tables=tables, figures=tuple(figures)),
        Part("All measurements", tables=(_all(points),), closed=True),
    )
    return Section("speed", "Speed", text, parts)


def _chart(path: tuple[str, ...], families: Mapping[str, Mapping[int, tuple[float, float, float]]]) -> Chart:
    name, unit, rate, _ = MEASURES[path]
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
        if any(b is not None for b in found):
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
    return Table(("family", "#length", "what", "#median", "#quartiles", "unit"), tuple(rows))


def _exponent(found: Mapping[int, tuple[float, float, float]], rate: bool) -> float | None:
    fitted = growth({length: 1 / median if rate else median for length, (median, _, _) in found.items() if median > 0})
    return None if fitted is None else fitted.exponent


def _lengths(families: Mapping[str, Mapping[int, Any]]) -> int:
    return len({length for found in families.values() for length in found})


def _spread(cost: Mapping[str, Any], path: tuple[str, ...]) -> tuple[float, float, float] | None:
    """Median and quartiles; a number that was measured once is all three."""
    value: Any = cost
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    factor = MEASURES[path][3]
    if isinstance(value, Mapping):
        return factor * value["median"], factor * value["low"], factor * value["high"]
    return None if value is None else (factor * value,) * 3
