"""What was run, on what, and how to do it again; and what failed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from keraseq.benchmarking.report.content import Part, Section, Table, number
from keraseq.benchmarking.report.parts import plain
from keraseq.benchmarking.results import Entry, Row, Run


def failures(runs: Sequence[Run]) -> Section | None:
    """Runs that did not complete, and why."""
    lost = [run for run in runs if not run.record.completed]
    if not lost:
        return None
    shown = [
        (
            run.record.label or run.record.task,
            run.record.family,
            str(run.record.seed),
            run.record.outcome,
            run.record.message or "–",
            run.again,
        )
        for run in lost
    ]
    table = Table(("task", "family", "#seed", "outcome", "reason", "again"), tuple(shown), code=("again",))
    return Section("failures", "Failures", (), (Part(tables=(table,)),))


def settings(rows: Sequence[Row], runs: Sequence[Run]) -> Section | None:
    """Every model of every row: how it was built and trained, and the command that repeats it."""
    if not runs:
        return None
    parts = []
    for row in rows:
        table = Table(
            ("model", "#seed", "task", "settings", "training", "command"),
            tuple(_described(entry, run) for entry in row.entries for run in entry.runs),
            code=("task", "settings", "training", "command"),
        )
        parts.append(Part(row.label, tables=(table,), closed=True))
    measured = [run for run in runs if run.record.kind == "speed"]
    if measured:
        table = Table(
            ("model", "#length", "settings", "command"),
            tuple((r.record.family, number(r.record.length), plain(r.record.config), r.again) for r in measured),
            code=("settings", "command"),
        )
        parts.append(Part("Speed", tables=(table,), closed=True))
    text = ("All settings of every run, and the command that repeats it.",)
    return Section("settings", "Settings, and how to repeat a run", text, tuple(parts))


def _described(entry: Entry, run: Run) -> tuple[str, ...]:
    record = run.record
    size = f"; matched {plain(record.match)}, reached {plain(record.matched)}" if record.match else ""
    tuned = f"; tuned by {record.tuned} trials" if record.tuned else ""
    return (
        entry.name,
        str(record.seed),
        plain({"name": record.task, **record.settings}) + (f"; data {record.data}" if record.data else ""),
        plain(record.config) + size + tuned,
        plain(record.training),
        run.again,
    )


def machines(runs: Sequence[Run]) -> Section | None:
    """What the runs ran on."""
    found = Counter(
        json.dumps([r.record.versions, r.record.machine, r.record.strategy, r.record.threads, r.record.jit_compile])
        for r in runs
        if r.record.versions or r.record.machine
    )
    if not found:
        return None
    shown = []
    for text, count in found.items():
        versions, machine, strategy, threads, compiled = json.loads(text)
        shown.append(
            (
                str(count),
                plain(versions),
                _machine(machine),
                f"{strategy or '–'}, {threads or '–'} threads",
                {True: "yes", False: "no", None: "–"}[compiled],
            )
        )
    table = Table(("#runs", "versions", "machine", "strategy", "compiled by XLA"), tuple(shown))
    return Section("machines", "Versions and machines", (), (Part(tables=(table,)),))


def _machine(machine: Mapping[str, Any]) -> str:
    told = dict(machine)
    if isinstance(told.get("memory"), int):
        told["memory"] = f"{told['memory'] / 2**30:.0f} GiB"
    return plain(told)
