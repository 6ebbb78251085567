"""Scores against size, time and memory, by epoch, and by the length of sequences."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence

from keraseq.benchmarking.report.content import Chart, Part, Section, number
from keraseq.benchmarking.report.parts import axis, line, point, wide
from keraseq.benchmarking.results import Entry, Row
from keraseq.tuning.results.pareto import front

COSTS = {  # field of a record → what it is called, and factor to that unit
    "parameters": ("trainable parameters", 1.0),
    "flops": ("millions of FLOPs of a prediction", 1e-6),
    "seconds": ("seconds of training", 1.0),
    "memory": ("peak memory [MiB]", 2.0**-20),
}
LENGTHS = ("length", "test_length", "max_length")


def quality(rows: Sequence[Row]) -> Section | None:
    """Scores against what they cost, with the Pareto front."""
    parts: list[Part] = []
    alike: list[str] = []
    for row in rows:
        scored = [entry for entry in row.entries if entry.score is not None]
        charts = []
        for name, (label, unit) in COSTS.items():
            points = [(entry, value * unit) for entry in scored if (value := entry.mean(name))]
            values = [value for _, value in points]
            if len(points) < 2:
                continue
            if max(values) < 1.1 * min(values):
                alike.append(label)
            else:
                charts.append(_against(row, points, label, name))
        if charts:
            parts.append(Part(row.label, figures=tuple(charts), closed=len(parts) > 0))
    if not parts:
        return None
    text = ["The stepped line joins the models that no other beats in both: the Pareto front."]
    if same := dict.fromkeys(alike):
        text.append(f"Not drawn where all models of a row are within 10 %: {', '.join(same)}.")
    return Section("cost", "Quality against size, time and memory", tuple(text), tuple(parts))


def _against(row: Row, points: Sequence[tuple[Entry, float]], label: str, name: str) -> Chart:
    chosen = front(
        [_Point(entry, place, value) for place, (entry, value) in enumerate(points)], ["score", name], row.direction
    )
    series = [dataclasses.replace(point(entry, value), line="none") for entry, value in points]
    if len(chosen) > 1:
        series.append(line("Pareto front", sorted((one.value, one.score) for one in chosen), steps=True))
    best = ", ".join(one.entry.name for one in chosen)
    return Chart(
        f"{row.label}: {row.metric} against {label}",
        f"One point a model. On the Pareto front, the best score first: {best}.",
        label,
        axis(row),
        tuple(series),
        log_x=wide([value for _, value in points]),
        log_y=wide([one.y[0] for one in series]),
    )


class _Point:
    """A model as `keraseq.tuning.results.pareto` sees it."""

    def __init__(self, entry: Entry, index: int, value: float):
        assert entry.score is not None
        self.entry, self.index, self.value, self.score = entry, index, value, entry.score.mean

    def objective(self, name: str) -> float:
        return self.score if name == "score" else self.value


def curves(rows: Sequence[Row]) -> Section | None:
    """Validation by epoch."""
    figures = []
    for row in rows:
        key = _curve_key(row)
        series = []
        for entry in row.entries:
            by_epoch: dict[int, list[float]] = {}
            for run in entry.runs:
                for epoch in run.record.curve:
                    if isinstance(value := epoch.get(key), int | float) and math.isfinite(value):
                        by_epoch.setdefault(int(epoch["epoch"]), []).append(value)
            points = [(place, math.fsum(found) / len(found)) for place, found in sorted(by_epoch.items())]
            if len(points) > 1:
                series.append(line(entry.name, points, style=entry.name))
        if series:
            values = [y for one in series for y in one.y]
            last = ", ".join(f"{one.name} {number(one.y[-1])}" for one in series)
            chart = Chart(
                f"{row.label}: {key} by epoch",
                f"Mean over the seeds at each epoch. At the last: {last}.",
                "epoch",
                key,
                tuple(series),
                log_y=wide(values),
            )
            figures.append(chart)
    if not figures:
        return None
    text = ("Validation by epoch, the mean over those seeds that came so far.",)
    return Section("curves", "Learning curves", text, (Part(figures=tuple(figures)),))


def _curve_key(row: Row) -> str:
    named = {name for entry in row.entries for run in entry.runs for line in run.record.curve for name in line}
    return next((key for key in (f"val_{row.metric}", "val_loss", "loss") if key in named), "loss")


def lengths(rows: Sequence[Row]) -> Section | None:
    """Scores of one task at several lengths."""
    groups: dict[str, list[tuple[int, Row]]] = {}
    for row in rows:
        record = row.first
        length = record.settings.get("test_length") or record.settings.get("length") or record.length
        if isinstance(length, int):
            rest = {name: value for name, value in record.settings.items() if name not in LENGTHS}
            trained = record.settings.get("length") if record.settings.get("test_length") else None
            key = json.dumps([record.task, rest, record.match, row.metric, trained], sort_keys=True, default=str)
            groups.setdefault(key, []).append((length, row))
    figures = []
    for own in groups.values():
        if len({length for length, _ in own}) > 1:
            figures.append(_by_length(sorted(own, key=lambda pair: pair[0])))
    if not figures:
        return None
    return Section("lengths", "Score against the length of sequences", (), (Part(figures=tuple(figures)),))


def _by_length(own: Sequence[tuple[int, Row]]) -> Chart:
    first = own[0][1]
    found: dict[str, list[tuple[int, float, float, float]]] = {}
    for length, row in own:
        for entry in row.entries:
            if entry.score is not None:
                mean = entry.score.mean
                low, high = (end if end is not None else mean for end in (entry.score.low, entry.score.high))
                found.setdefault(entry.name, []).append((length, mean, low, high))
    series = tuple(line(name, points, style=name) for name, points in found.items())
    steps = [length for length, _ in own]
    of_test = bool(first.first.settings.get("test_length"))
    levels = [value for one in series for value in one.y]
    return Chart(
        f"{first.first.task}: {first.metric} against length",
        f"One line a model, at lengths {', '.join(map(str, dict.fromkeys(steps)))}.",
        "steps of a sequence of test" if of_test else "steps of a sequence",
        axis(first),
        series,
        log_x=max(steps) >= 4 * min(steps),
        log_y=wide(levels),
    )
