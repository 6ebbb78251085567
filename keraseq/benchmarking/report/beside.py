"""Published numbers beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keraseq.benchmarking import published
from keraseq.benchmarking.records import Record
from keraseq.benchmarking.report.content import Part, Section, Table, number
from keraseq.benchmarking.report.parts import plain
from keraseq.benchmarking.results import Entry, Row
from keraseq.benchmarking.statistics import estimate
from keraseq.errors import UsageError
from keraseq.tasks import task_config


def beside(rows: Sequence[Row]) -> Section | None:
    """Every row for which numbers were published; None where there is none."""
    parts: list[Part] = []
    keys: list[str] = []
    for row in rows:
        record = row.first
        for known in _known(record):
            ours = {entry.family: entry for entry in reversed(row.entries) if entry.scores}
            shown = [_beside(known, name, ours.get(name)) for name in known.scores]
            shown += [_beside(known, name, entry) for name, entry in ours.items() if name not in known.scores]
            if not ours:
                continue
            keys.append(known.source)
            said = [f"{known.name}; {known.unit}, {'higher' if known.direction == 'max' else 'lower'} is better."]
            if known.training:
                said.append(f"Published training: {known.training}.")
            if changed := _changed(record, known.settings):
                said.append(f"Ours differs from the task's defaults in {changed}.")
            if order := _order(known, ours):
                said.append(order)
            models = "; ".join(f"{name}: {told}" for name, told in known.models.items())
            if models:
                said.append(f"Published settings: {models}.")
            columns = (
                "model",
                "#published",
                "#ours",
                "#95 % interval",
                "#ours misses by",
                "#size",
                "#our size",
                "#seeds",
            )
            table = Table(columns, tuple(shown), str(published.sources()[known.source]))
            parts.append(Part(row.label, tuple(said), (table,)))
    if not parts:
        return None
    text = ["Numbers of papers beside ours, in the paper's metric and unit. A negative miss means that ours is better."]
    for key in dict.fromkeys(keys):
        source = published.sources()[key]
        text.append(f"{source}: {source.title}. {' '.join(source.notes)}".strip())
    return Section("published", "Published numbers beside ours", tuple(text), tuple(parts))


def _known(record: Record) -> list[published.Row]:
    try:
        return published.lookup(record.task, record.settings)
    except UsageError:  # of another keraseq, whose task had other settings: there is nothing to hold against them
        return []


def _beside(known: published.Row, name: str, entry: Entry | None) -> tuple[str, ...]:
    theirs = known.scores.get(name)
    values = [] if entry is None else [known.ours(run.record.test) for run in entry.runs]
    found = estimate([value for value in values if value is not None])
    missed = known.missed_by(name, found.mean) if found and theirs is not None else None
    return (
        name,
        number(theirs),
        number(found.mean if found else None),
        f"{number(found.low)} … {number(found.high)}" if found and found.low is not None else "–",
        "–" if missed is None else f"{'+' if missed > 0 else '−' if missed < 0 else ''}{number(abs(missed))}",
        "–" if known.parameters is None or theirs is None else number(known.parameters),
        number(entry.first.parameters) if entry else "–",
        str(len(found.values)) if found else "–",
    )


def _order(known: published.Row, ours: Mapping[str, Entry]) -> str:
    """Whether the families come in the order of the paper."""
    sign = -1 if known.direction == "max" else 1
    means = {}
    for name in known.scores:
        values = [known.ours(run.record.test) for run in ours[name].runs] if name in ours else []
        if found := estimate([value for value in values if value is not None]):
            means[name] = sign * found.mean
    if len(means) < 2:
        return ""
    theirs, own = sorted(means, key=lambda name: sign * known.scores[name]), sorted(means, key=means.__getitem__)
    if theirs == own:
        return f"The families come in the order of the paper: {', '.join(own)}."
    return f"The order of the families differs: {', '.join(own)} here, {', '.join(theirs)} in the paper."


def _changed(record: Record, wanted: Mapping[str, Any]) -> str:
    """Settings of our task, beyond those that the published row asks for, that are not at their defaults."""
    changed = task_config(record.task, record.settings).changed
    return plain({name: value for name, value in changed.items() if name not in wanted})
