"""A report of benchmarks and studies: which sections there are, and what stands in each."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keraseq.benchmarking import published
from keraseq.benchmarking.report.content import (
    Chart,
    Figure,
    Levels,
    Part,
    Ranks,
    Report,
    Section,
    Series,
    Table,
    number,
)
from keraseq.benchmarking.report.speed import speed
from keraseq.benchmarking.report.studies import studies
from keraseq.benchmarking.results import Entry, Row, Run, Source, rows_of, together
from keraseq.benchmarking.statistics import (
    BEST,
    LEAST_SEEDS,
    LEAST_TASKS,
    TIED,
    UNDECIDED,
    WORSE,
    estimate,
    ranking,
)
from keraseq.config import settings_of
from keraseq.tasks import task_config
from keraseq.tuning.results.pareto import front

COSTS = {  # field of a record → what it is called, and factor to that unit
    "parameters": ("trainable parameters", 1.0),
    "flops": ("FLOPs of a prediction", 1.0),
    "seconds": ("seconds of training", 1.0),
    "memory": ("peak memory [MiB]", 2.0**-20),
}
SIGNS = {BEST: "≈", TIED: "≈", UNDECIDED: "?", WORSE: ""}
LENGTHS = ("length", "test_length", "max_length")
INTERVALS = (
    "Intervals are 95 % bootstrap intervals of the mean over seeds. Those of few seeds are too short: with 3 seeds they "
    "hold the true mean in about 76 of 100 cases, with 5 in 84."
)
TIES = (
    "★ is told apart from every other model of its row, by paired t-tests over the seeds that two models share, with "
    "Holm's correction over all pairs of the row, at 5 %, errors by their logarithms. ≈ is the best mean and what is tied with it: not told apart, "
    f"so that none of them has won. ? shares fewer than {LEAST_SEEDS} seeds with the best mean, so that no test can tell."
)


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
        _who_wins(rows),
        _leaderboard(rows),
        _ranks(rows),
        _published(rows),
        _cost(rows),
        _curves(rows),
        _lengths(rows),
        speed(runs),
        *studies(sources),
        _failures(runs),
        _settings(rows, runs),
        _machines(runs),
    )
    names = list(dict.fromkeys(run.record.suite for run in runs)) or [source.path.name for source in sources]
    return Report(
        title=title or f"keraseq: {', '.join(names)}",
        facts=_facts(rows, runs),
        sections=tuple(section for section in found if section is not None),
        warnings=tuple(problems),
        rows=tuple(_flat(run, rows) for run in runs),
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


def _who_wins(rows: Sequence[Row]) -> Section | None:
    if not rows:
        return None
    shown = [(row.label, row.said(), _better(row), _sized(row)) for row in rows]
    text = (TIES,)
    table = Table(("task", "who wins", "score", "size"), tuple(shown))
    return Section("wins", "Who wins where", text, (Part(tables=(table,)),))


def _leaderboard(rows: Sequence[Row]) -> Section | None:
    if not rows:
        return None
    text = (f"Scores on test, of the weights that were best on validation. {INTERVALS}",)
    return Section("leaderboard", "Leaderboard", text, tuple(_board(row) for row in rows))


def _board(row: Row) -> Part:
    columns = ["model", f"#{row.metric}", "#95 % interval", "#seeds", "#parameters", "#seconds", "#memory [MiB]"]
    shown = []
    for entry in row.entries:
        score, memory = entry.score, entry.mean("memory")
        sign = _sign(row, entry)
        shown.append(
            (
                f"{sign}\u00a0{entry.name}" if sign else entry.name,
                number(score.mean if score else None),
                f"{number(score.low)} … {number(score.high)}" if score and score.low is not None else "–",
                f"{len(entry.scores)}" + (f" ({entry.lost} lost)" if entry.lost else ""),
                number(entry.first.parameters),
                number(entry.mean("seconds")),
                number(None if memory is None else round(memory / 2**20)),
            )
        )
    scored = [entry for entry in row.entries if entry.score is not None]
    figures: tuple[Figure, ...] = ()
    if len(scored) > 1:
        figures = (_dots(row, scored),)
    said = row.said()
    chance = f"; chance is {number(row.first.chance)}" if row.first.chance is not None else ""
    text = [f"{said[0].upper()}{said[1:]} ({_better(row)}{chance})."]
    if lost := [entry.name for entry in row.entries if entry.lost and entry.scores]:
        text.append(f"Of {', '.join(lost)} some runs are lost, and the mean is of the others: see Failures.")
    return Part(row.label, tuple(text), (Table(tuple(columns), tuple(shown)),), figures)


def _sign(row: Row, entry: Entry) -> str:
    """How a model stands, in one letter."""
    if entry.name not in row.verdicts:
        return "✕"
    return "★" if row.winners == [entry.name] and len(row.verdicts) > 1 else SIGNS[row.verdicts[entry.name]]


def _dots(row: Row, scored: Sequence[Entry]) -> Levels:
    series = []
    for entry in scored:
        score = entry.score
        assert score is not None
        ends = ((score.low,), (score.high,)) if score.low is not None and score.high is not None else ((), ())
        series.append(Series(entry.name, (entry.name,), (score.mean,), *ends, style=entry.name))
    means = [one.y[0] for one in series]
    chance = row.first.chance
    guide = None if chance is None else (chance, "chance")
    told = ", ".join(f"{one.name} {number(one.y[0])}" for one in series)
    log = _wide(means + ([chance] if chance else []))
    return Levels(
        f"{row.label}: {row.metric}",
        f"Means and intervals, the best first: {told}.",
        _axis(row),
        tuple(series),
        guide,
        log,
    )


def _ranks(rows: Sequence[Row]) -> Section | None:
    """Ranks of families over the rows in which each has a score; a family that lacks half of them is left out."""
    boards = []
    for row in rows:
        best: dict[str, float] = {}
        for entry in row.entries:  # the best entry of a family comes first
            if entry.score is not None:
                sign = -1 if row.direction == "max" else 1
                best.setdefault(entry.family, sign * entry.score.mean)
        boards.append(best)
    counts = Counter(family for board in boards for family in board)
    most = max(counts.values(), default=0)
    families = [family for family, count in counts.items() if count == most]
    whole = [place for place, board in enumerate(boards) if all(family in board for family in families)]
    if len(families) < 3 or len(whole) < LEAST_TASKS:
        return None
    found = ranking({family: [boards[place][family] for place in whole] for family in families})
    said = (
        f"Average ranks of {len(families)} families over {found.tasks} rows. Friedman's test that all are alike: "
        f"p = {found.p:.2g}. "
    )
    if not found.decided:
        said += "So no family is told from another across these tasks."
    else:
        groups = "; ".join(", ".join(group) for group in found.groups)
        said += (
            f"Nemenyi's test tells two families apart whose average ranks differ by {found.critical:.2f} or more. Not "
            f"told apart are: {groups}."
        )
    text = [said]
    left = sorted(set(counts) - set(families))
    if left:
        text.append(f"Left out, since they have no score in some rows: {', '.join(left)}.")
    if len({rows[place].first.task for place in whole}) < len(whole):
        text.append(
            "Several rows are of one task in other settings; they are less independent than the test takes them."
        )
    picture = Ranks("Average ranks across tasks", said, found.ranks, found.groups, found.critical)
    return Section("ranks", "Across tasks", tuple(text), (Part(figures=(picture,)),))


def _published(rows: Sequence[Row]) -> Section | None:
    parts, keys = [], []
    for row in rows:
        record = row.first
        for known in published.lookup(record.task, record.settings):
            ours = {entry.family: entry for entry in reversed(row.entries) if entry.scores}
            shown = [_beside(known, name, ours.get(name)) for name in known.scores]
            shown += [_beside(known, name, entry) for name, entry in ours.items() if name not in known.scores]
            if not any(family in known.scores for family in ours) and not ours:
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


def _changed(record: Any, wanted: Mapping[str, Any]) -> str:
    """Settings of our task, beyond those that the published row asks for, that are not at their defaults."""
    whole, plain = (settings_of(task_config(record.task, given)) for given in (record.settings, {}))
    changed = {name: value for name, value in whole.items() if name not in wanted and value != plain.get(name)}
    return ", ".join(f"{name}={value}" for name, value in changed.items())


def _cost(rows: Sequence[Row]) -> Section | None:
    parts, alike = [], []
    for row in rows:
        scored = [entry for entry in row.entries if entry.score is not None]
        charts = []
        for name, (label, unit) in COSTS.items():
            points = [(entry, value * unit) for entry in scored if (value := entry.mean(name))]
            values = [value for _, value in points]
            if len(points) < 2:
                continue
            if max(values) < 1.1 * min(values):
                alike.append((row.label, label))
            else:
                charts.append(_against(row, points, label, name))
        if charts:
            parts.append(Part(row.label, figures=tuple(charts), closed=len(parts) > 0))
    if not parts:
        return None
    text = ["The stepped line joins the models that no other beats in both: the Pareto front."]
    if same := dict.fromkeys(label for _, label in alike):
        text.append(f"Not drawn where all models of a row are within 10 %: {', '.join(same)}.")
    return Section("cost", "Quality against size, time and memory", tuple(text), tuple(parts))


def _against(row: Row, points: Sequence[tuple[Entry, float]], label: str, name: str) -> Chart:
    sign = -1 if row.direction == "max" else 1
    chosen = front(
        [_Point(entry, place, value) for place, (entry, value) in enumerate(points)], ["score", name], row.direction
    )
    line = sorted((point.value, point.score) for point in chosen)
    series = [_dot(entry, value) for entry, value in points]
    if len(line) > 1:
        series.append(Series("Pareto front", *_columns(line), line="steps"))
    best = ", ".join(point.entry.name for point in sorted(chosen, key=lambda point: sign * point.score))
    return Chart(
        f"{row.label}: {row.metric} against {label}",
        f"One point a model. On the Pareto front, the best score first: {best}.",
        label,
        _axis(row),
        tuple(series),
        log_x=_wide([value for _, value in points]),
        log_y=_wide([one.y[0] for one in series]),
    )


def _dot(entry: Entry, value: float) -> Series:
    score = entry.score
    assert score is not None
    ends = ((score.low,), (score.high,)) if score.low is not None and score.high is not None else ((), ())
    return Series(entry.name, (value,), (score.mean,), *ends, style=entry.name, line="none")


class _Point:
    """A model as `keraseq.tuning.results.pareto` sees it."""

    def __init__(self, entry: Entry, index: int, value: float):
        assert entry.score is not None
        self.entry, self.index, self.value, self.score = entry, index, value, entry.score.mean

    def objective(self, name: str) -> float:
        return self.score if name == "score" else self.value


def _curves(rows: Sequence[Row]) -> Section | None:
    parts = []
    for row in rows:
        key = _curve_key(row)
        series = []
        for entry in row.entries:
            by_epoch: dict[int, list[float]] = {}
            for run in entry.runs:
                for line in run.record.curve:
                    if isinstance(value := line.get(key), int | float) and math.isfinite(value):
                        by_epoch.setdefault(int(line["epoch"]), []).append(value)
            points = [(epoch, math.fsum(found) / len(found)) for epoch, found in sorted(by_epoch.items())]
            if len(points) > 1:
                series.append(Series(entry.name, *_columns(points), style=entry.name))
        if series:
            values = [y for one in series for y in one.y]
            last = ", ".join(f"{one.name} {number(one.y[-1])}" for one in series)
            chart = Chart(
                f"{row.label}: {key} by epoch",
                f"Mean over the seeds at each epoch. At the last: {last}.",
                "epoch",
                key,
                tuple(series),
                log_y=_wide(values),
            )
            parts.append(Part(figures=(chart,)))
    if not parts:
        return None
    text = ("Validation by epoch, the mean over those seeds that came so far.",)
    return Section("curves", "Learning curves", text, (Part(figures=tuple(f for part in parts for f in part.figures)),))


def _curve_key(row: Row) -> str:
    named = {name for entry in row.entries for run in entry.runs for line in run.record.curve for name in line}
    return next((key for key in (f"val_{row.metric}", "val_loss", "loss") if key in named), "loss")


def _lengths(rows: Sequence[Row]) -> Section | None:
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
                found.setdefault(entry.family, []).append((length, mean, low, high))
    series = tuple(Series(family, *_columns(points), style=family) for family, points in found.items())
    lengths = [length for length, _ in own]
    of_test = bool(first.first.settings.get("test_length"))
    levels = [value for one in series for value in one.y]
    return Chart(
        f"{first.first.task}: {first.metric} against length",
        f"One line a family, at lengths {', '.join(map(str, dict.fromkeys(lengths)))}.",
        "steps of a sequence of test" if of_test else "steps of a sequence",
        _axis(first),
        series,
        log_x=max(lengths) >= 4 * min(lengths),
        log_y=_wide(levels),
    )


def _failures(runs: Sequence[Run]) -> Section | None:
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


def _settings(rows: Sequence[Row], runs: Sequence[Run]) -> Section | None:
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
            tuple((r.record.family, number(r.record.length), _plain(r.record.config), r.again) for r in measured),
            code=("settings", "command"),
        )
        parts.append(Part("Speed", tables=(table,), closed=True))
    text = ("All settings of every run, and the command that repeats it.",)
    return Section("settings", "Settings, and how to repeat a run", text, tuple(parts))


def _described(entry: Entry, run: Run) -> tuple[str, ...]:
    record = run.record
    size = f"; matched {_plain(record.match)}, reached {_plain(record.matched)}" if record.match else ""
    tuned = f"; tuned by {record.tuned} trials" if record.tuned else ""
    return (
        entry.name,
        str(record.seed),
        _plain({"name": record.task, **record.settings}) + (f"; data {record.data}" if record.data else ""),
        _plain(record.config) + size + tuned,
        _plain(record.training),
        run.again,
    )


def _machines(runs: Sequence[Run]) -> Section | None:
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
                _plain(versions),
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
    return _plain(told)


def _flat(run: Run, rows: Sequence[Row]) -> dict[str, Any]:
    """A run as one line of a table for pandas and others: every number of the record, its settings as JSON."""
    data = run.record.to_json()
    for name in ("curve", "cost", "sha256", "format"):
        data.pop(name, None)
    nested = {name: json.dumps(value, ensure_ascii=False) for name, value in data.items() if isinstance(value, dict)}
    return {"from": str(run.path), **data, **nested, "score": run.record.score, "command": run.again}


def _plain(settings: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in settings.items()
    )


def _better(row: Row) -> str:
    return f"{row.metric}, {'higher' if row.direction == 'max' else 'lower'} is better"


def _axis(row: Row) -> str:
    return f"{row.metric} on test ({'higher' if row.direction == 'max' else 'lower'} is better)"


def _sized(row: Row) -> str:
    sizes = [entry.first.parameters for entry in row.entries if entry.first.parameters]
    if not sizes:
        return "–"
    low, high = number(min(sizes)), number(max(sizes))
    return f"{low} parameters" if low == high else f"{low} to {high} parameters"


def _columns(points: Iterable[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(zip(*points, strict=True))


def _wide(values: Sequence[float]) -> bool:
    """Whether values ask for a logarithmic axis."""
    return bool(values) and min(values) > 0 and max(values) > 20 * min(values)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
