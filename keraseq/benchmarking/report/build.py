"""A report of benchmarks and studies: which sections there are, and what it is of in short."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from keraseq.benchmarking.report.beside import beside
from keraseq.benchmarking.report.content import Report
from keraseq.benchmarking.report.leaderboard import leaderboard, ranks, wins
from keraseq.benchmarking.report.quality import curves, lengths, quality
from keraseq.benchmarking.report.settings import failures, machines, settings
from keraseq.benchmarking.report.speed import speed
from keraseq.benchmarking.report.studies import studies
from keraseq.benchmarking.results import Row, Run, Source, rows_of, together


def build(sources: Sequence[Source], title: str | None = None) -> Report:
    """The report of what was read.

    Args:
        sources: from `keraseq.benchmarking.results.load`.
        title: its heading; None makes one of what was read.

    Raises:
        KeraseqError: a library of the extra `report` is absent.
    """
    runs, problems = together(sources)
    rows = rows_of(runs)
    found = (
        wins(rows),
        leaderboard(rows),
        ranks(rows),
        beside(rows),
        quality(rows),
        curves(rows),
        lengths(rows),
        speed(runs),
        *studies(sources),
        failures(runs),
        settings(rows, runs),
        machines(runs),
    )
    names = list(dict.fromkeys(run.record.suite for run in runs)) or [source.path.name for source in sources]
    return Report(
        title=title or f"keraseq: {', '.join(names)}",
        facts=_facts(rows, runs),
        sections=tuple(section for section in found if section is not None),
        warnings=tuple(problems),
        rows=tuple(_flat(run) for run in runs),
    )


def _facts(rows: Sequence[Row], runs: Sequence[Run]) -> dict[str, str]:
    lost = sum(not run.record.completed for run in runs)
    seeds = sorted({len(entry.scores) for row in rows for entry in row.entries})
    ended = sorted(run.record.ended for run in runs if run.record.ended)
    facts = {
        "rows": str(len(rows)) if rows else "",
        "families": str(len({run.record.family for run in runs})),
        "runs": f"{len(runs)}, {lost} of them not completed" if lost else str(len(runs)),
        "seeds a model": " to ".join(map(str, dict.fromkeys((seeds[0], seeds[-1])))) if seeds else "",
        "time of training": _duration(sum(run.record.seconds or 0.0 for run in runs)),
        "last run": ended[-1][:16].replace("T", " ") if ended else "",
    }
    return {name: value for name, value in facts.items() if value}


def _flat(run: Run) -> dict[str, Any]:
    """A run as one line of a table for pandas and others: every number of the record, its settings as JSON."""
    data = run.record.to_json()
    for name in ("curve", "cost", "sha256", "format"):
        data.pop(name, None)
    nested = {name: json.dumps(value, ensure_ascii=False) for name, value in data.items() if isinstance(value, dict)}
    return {"from": str(run.path), **data, **nested, "score": run.record.score, "command": run.again}


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
