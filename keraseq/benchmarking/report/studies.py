"""What a report says of searches: trials and fronts, what settings matter, and what failed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from keraseq.benchmarking.report.content import Chart, Drawn, Levels, Part, Section, Series, Table, number
from keraseq.benchmarking.results import Source
from keraseq.tuning.results.overview import failures, settings
from keraseq.tuning.results.plots import AXES, plot
from keraseq.tuning.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from keraseq.tuning.results.importance import Importance


def studies(sources: Sequence[Source]) -> Iterable[Section]:
    """A section for each study among the sources."""
    found = [source.study for source in sources if source.study is not None]
    for place, study in enumerate(found):
        yield _section(study, f"study-{place}")


def _section(study: Study, key: str) -> Section:
    parts = [_board(study)]
    if study.winner() is not None:
        parts.append(_trials(study))
    for one in study.importance():
        parts.append(_importance(study, one))
    if lost := failures(study.all_records()):
        rows = [(group.outcome.value, str(len(group.trials)), ", ".join(group.trials), group.message) for group in lost]
        table = Table(("outcome", "#trials", "which", "reason of the first"), tuple(rows))
        parts.append(Part("What failed", tables=(table,)))
    plan = study.plan
    match = "".join(f"; {name}={size:g}" for name, size in plan.match.items())
    trials = f"{len(study.records())} trials of {', '.join(plan.models)}"
    text = (f"{trials} by {plan.algorithm} on {study.task['name']}{match}. In a browser: optuna-dashboard {study.url}",)
    return Section(key, f"Search: {study.path.name}", text, tuple(parts))


def _board(study: Study) -> Part:
    metric = study.task["metric"]
    rows = []
    for row in study.leaderboard():
        winner = row.winner
        notes = [f"{count} {name}" for name, count in (("failed", row.failed), ("pruned", row.pruned)) if count]
        rows.append(
            (
                ("≈ " if row.tied else "") + row.family,
                str(row.validation or "–"),
                str(row.test or "–"),
                number(winner.parameters if winner else None),
                f"{row.trials} ({', '.join(notes)})" if notes else str(row.trials),
                _plain(settings(dict(winner.params), row.family)) if winner else "–",
            )
        )
    columns = ("family", f"#{metric}, validation", f"#{metric}, test", "#parameters", "trials", "best settings")
    return Part(
        "Families",
        ("± is half the 95 % interval over fresh seeds (Student's t); a number without it was chosen as the best.",),
        (Table(columns, tuple(rows), code=("best settings",)),),
    )


def _trials(study: Study) -> Part:
    """Every trial against size, time and memory, with the front."""
    metric, direction = study.task["metric"], study.task["direction"]
    charts = []
    for name, (label, unit) in AXES.items():
        shown = [r for r in study.records() if r.score is not None and r.objective(name)]
        values = [(record.objective(name) or 0.0) * unit for record in shown]
        if len(set(values)) < 2:
            continue
        series = []
        for family in study.plan.models:
            own = [(x, record.score or 0.0) for x, record in zip(values, shown, strict=True) if record.family == family]
            if own:
                xs, ys = zip(*own, strict=True)
                series.append(Series(family, xs, ys, style=family, line="none"))
        chosen = [record for record in study.front(["score", name]) if record.objective(name)]
        line = sorted(((record.objective(name) or 0.0) * unit, record.score or 0.0) for record in chosen)
        if len(line) > 1:
            xs, ys = zip(*line, strict=True)
            series.append(Series("Pareto front", xs, ys, line="steps"))
        charts.append(
            Chart(
                f"{metric} against {label}",
                f"One point a trial; not beaten in both: {', '.join(f'{r.name} ({r.family})' for r in chosen)}.",
                label,
                f"{metric} on validation ({'higher' if direction == 'max' else 'lower'} is better)",
                tuple(series),
                log_x=max(values) > 20 * min(values),
            )
        )
    return Part("Trials", figures=tuple(charts))


def _importance(study: Study, told: Importance) -> Part:
    family = told.family
    if told.shares is None:
        return Part(f"{family}: what settings matter", (f"Nothing can be said: {told.reason}.",), closed=True)
    shares = {name.rpartition("/")[2]: share for name, share in told.shares.items()}
    most = ", ".join(f"{name} {share:.0%}" for name, share in list(shares.items())[:3])
    bars = Levels(
        f"{family}: importance of settings",
        f"Share of the variance of the score that each setting explains, by fANOVA: {most}.",
        "share of the variance of the score",
        tuple(Series(name, (name,), (share,), style=family) for name, share in shares.items()),
    )
    trials = [record for record in study.records() if record.family == family and record.score is not None]
    names = list(dict.fromkeys(name for record in trials for name in record.params))
    points = Table(
        (*(name.rpartition("/")[2] for name in names), "#score"),
        tuple((*(number(record.params.get(name)) for name in names), number(record.score)) for record in trials),
    )
    slices = Drawn(
        f"{family}: score against each setting",
        f"One panel a setting, one point a trial: {', '.join(name.rpartition('/')[2] for name in names)}.",
        lambda: _slices(study, family),
        points,
    )
    return Part(f"{family}: what settings matter", figures=(bars, slices), closed=True)


def _slices(study: Study, family: str) -> Picture:
    os.environ.setdefault("MPLBACKEND", "agg")  # Optuna's pictures would look for a display otherwise
    return plot(study, "slice", family)


def _plain(given: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in given.items()
    )
