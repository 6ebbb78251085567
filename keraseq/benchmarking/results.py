"""What benchmarks and studies came to, read from their folders: rows of tasks, and on each the models by seed."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from keraseq.benchmarking import records
from keraseq.benchmarking.records import Record
from keraseq.benchmarking.statistics import BEST, TIED, UNDECIDED, Estimate, estimate, verdicts
from keraseq.errors import KeraseqError, UsageError
from keraseq.tasks import task_config
from keraseq.tuning.record import Record as Trial
from keraseq.tuning.record import trial_name
from keraseq.tuning.results.leaderboard import Row as StudyRow
from keraseq.tuning.study import Study


@dataclass(frozen=True)
class Run:
    """One run, or one trial of a study, and how to do it again.

    Attributes:
        record: what came of it.
        path: the benchmark or study that it is from.
        again: the command that repeats it.
    """

    record: Record
    path: Path
    again: str


@dataclass(frozen=True)
class Source:
    """A path that was read.

    Attributes:
        path: as given.
        runs: of a benchmark all, of a study those that its leaderboard stands on.
        study: where the path holds one.
        problems: what could not be used of it.
    """

    path: Path
    runs: tuple[Run, ...]
    study: Study | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One model with one setting on one task, on all its seeds.

    Attributes:
        name: family, and what tells it from another entry of the same family in the row.
        runs: in the order of seeds.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def first(self) -> Record:
        """The first run that has a score, or the first: what all runs share can be read from it."""
        return next((run.record for run in self.runs if run.record.score is not None), self.runs[0].record)

    @property
    def family(self) -> str:
        """Of the model."""
        return self.first.family

    @cached_property
    def scores(self) -> dict[int, float]:
        """Seed → score on test."""
        return {run.record.seed: run.record.score for run in self.runs if run.record.score is not None}

    @cached_property
    def score(self) -> Estimate | None:
        """Mean and interval over the seeds."""
        return estimate(list(self.scores.values()))

    @property
    def lost(self) -> int:
        """Runs without a score."""
        return sum(run.record.score is None for run in self.runs)

    def mean(self, name: str) -> float | None:
        """The mean of a number of the record, such as `seconds`, over the runs that have a score and know it."""
        known = [getattr(run.record, name) for run in self.runs if run.record.score is not None]
        known = [value for value in known if value is not None]
        return math.fsum(known) / len(known) if known else None


@dataclass(frozen=True)
class Row:
    """One task in one setting, and the models that were tried on it.

    Attributes:
        label: how tables call it.
        entries: the best mean first, those without a score last.
    """

    label: str
    entries: tuple[Entry, ...]

    @property
    def first(self) -> Record:
        """A record to read the task from, one with a score where there is one."""
        return next((entry.first for entry in self.entries if entry.scores), self.entries[0].first)

    @property
    def metric(self) -> str:
        """Of the scores."""
        return self.first.metric or "score"

    @property
    def direction(self) -> str:
        """Of the scores."""
        return self.first.direction or "max"

    @cached_property
    def verdicts(self) -> dict[str, str]:
        """Entry → how it stands to the best: see `keraseq.benchmarking.statistics.verdicts`."""
        return verdicts({entry.name: entry.scores for entry in self.entries}, self.direction)

    def said(self) -> str:
        """Who wins, in a sentence."""
        by = {kind: [name for name, v in self.verdicts.items() if v == kind] for kind in (BEST, TIED, UNDECIDED)}
        if not by[BEST]:
            return "no run has a score"
        (best,) = by[BEST]
        if len(self.verdicts) == 1:
            return f"{best} alone has a score"
        if by[TIED]:
            more = f"; too few seeds to tell of {_listed(by[UNDECIDED])}" if by[UNDECIDED] else ""
            return f"no winner: {_listed([best, *by[TIED]])} are tied{more}"
        if by[UNDECIDED]:
            return f"undecided: {best} has the best mean; too few seeds in common to tell it from the others"
        return f"{best} is best"


def load(path: str | Path) -> Source:
    """Reads a benchmark's folder or file of records, or a study.

    Raises:
        KeraseqError: the path holds neither, or the study is damaged.
    """
    path = Path(path)
    if (path / "study.json").is_file():
        study = Study(path)
        return Source(path, tuple(_of_study(study)), study)
    if path.is_dir() and not (path / records.NAME).is_file():
        raise KeraseqError(
            f"{path} holds neither {records.NAME} nor study.json; give the folder of a benchmark or of a study"
        )
    found = records.read(path)
    folder = records.file_of(path).parent
    runs = [Run(one, path, _again(one, folder)) for one in found.records]
    return Source(path, tuple(runs), problems=tuple(found.problems))


def _again(record: Record, folder: Path) -> str:
    """The command that repeats a run; of speed it is measured anew, which no record can foretell."""
    if record.kind == "speed":
        row = shlex.quote(record.label or record.task)
        return f"keraseq bench {shlex.quote(record.suite)} --models {record.family} --tasks {row}"
    return f"keraseq reproduce {shlex.quote(str(folder / record.id))}"


def together(sources: Iterable[Source]) -> tuple[list[Run], list[str]]:
    """The runs of all sources, a run that several hold once, and the problems of all."""
    seen: dict[str, Run] = {}
    problems: list[str] = []
    for source in sources:
        problems += source.problems
        for run in source.runs:
            key = f"{run.path}/{run.record.id}" if source.study else run.record.id
            other = seen.setdefault(key, run)
            if other is not run:
                problems.append(f"{run.path} holds run {run.record.id} of {other.path} once more; the first is shown")
    return list(seen.values()), problems


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """Runs by the row of their task and by the model, in the order in which tasks were first run."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.record.kind == "run":
            record = run.record
            key = _key(record.label, record.task, record.settings, record.match)
            found.setdefault(key, []).append(run)
    labels = _distinct(
        [own[0].record for own in found.values()],
        lambda record: record.label or record.task,
        (lambda record: record.match, lambda record: record.settings),
    )
    return [_row(label, own) for label, own in zip(labels, found.values(), strict=True)]


def _row(label: str, runs: Sequence[Run]) -> Row:
    """A run without a score joins its family's entry of the same folder: its width may never have been solved for."""
    groups: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.record.score is None):
        record = run.record
        key = _key(record.family, record.config, record.training, record.tuned)
        if record.score is None and key not in groups:
            alike = [k for k, own in groups.items() if _place(own[0]) == _place(run)]
            key = alike[0] if alike else key
        groups.setdefault(key, []).append(run)
    names = _distinct(
        [own[0].record for own in groups.values()],
        lambda record: record.family,
        (lambda record: record.config, lambda record: record.training, lambda record: {"tuned": record.tuned}),
    )
    entries = [
        Entry(name, tuple(sorted(own, key=lambda run: run.record.seed)))
        for name, own in zip(names, groups.values(), strict=True)
    ]
    direction = next((run.record.direction for run in runs if run.record.direction), "max")
    sign = -1 if direction == "max" else 1
    entries.sort(key=lambda entry: sign * entry.score.mean if entry.score else math.inf)
    return Row(label, tuple(entries))


def _place(run: Run) -> tuple[str, str]:
    return run.record.family, str(run.path)


def _distinct(
    items: Sequence[Record],
    name: Callable[[Record], str],
    telling: Sequence[Callable[[Record], Mapping[str, Any]]],
) -> list[str]:
    """A name for each, with the settings that differ where several have the same one."""
    names = [name(item) for item in items]
    counts = Counter(names)
    told = []
    for item, called in zip(items, names, strict=True):
        alike = [other for other in items if name(other) == called]
        extra = [
            f"{key}={value}"
            for part in telling
            for key, value in part(item).items()
            if counts[called] > 1 and any(part(other).get(key) != value for other in alike)
        ]
        told.append(" ".join([called, *extra[:3]]))
    repeated = Counter(told)
    place: Counter[str] = Counter()
    for k, called in enumerate(told):
        if repeated[called] > 1:
            place[called] += 1
            told[k] = f"{called} ({place[called]})"
    return told


def _key(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, default=str)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _of_study(study: Study) -> Iterable[Run]:
    """The runs that stand for each family in the leaderboard, its winner or that on fresh seeds, once test is known."""
    everything, tests = study.all_records(), study.test_scores()
    for row in study.leaderboard():
        if row.winner is not None:
            own = [trial for trial in everything if trial.index == row.winner.index]
            fresh = [trial for trial in own if trial.replicate]
            for trial in fresh or own:
                if trial.name in tests:
                    yield _trial(study, row, trial, tests[trial.name])


def _trial(study: Study, row: StudyRow, trial: Trial, test: Mapping[str, float]) -> Run:
    task = study.plan.task
    try:
        job = study.job(trial.index, trial.replicate)
        config, training = dict(job.config), dict(job.training)
    except KeraseqError:  # its folder is gone; what was sampled is in the database
        config, training = dict(trial.params), dict(study.plan.training)
    name = trial_name(trial.index, trial.replicate)
    try:
        changed = task_config(task["name"], task["settings"]).changed
    except UsageError:  # of another keraseq, whose task had other settings
        changed = dict(task["settings"])
    record = Record(
        id=name,
        suite=study.path.name or "study",
        task=task["name"],
        settings=changed,
        label=" ".join([task["name"], *(f"{key}={value}" for key, value in changed.items())]),
        family=trial.family,
        config=config,
        training=training,
        match=dict(study.plan.match),
        matched=dict(trial.match),
        seed=trial.seed,
        tuned=row.trials,
        outcome=trial.outcome.value,
        message=trial.message,
        metric=study.task["metric"],
        direction=study.task["direction"],
        chance=study.task.get("chance"),
        validation=trial.score,
        test={key: value for key, value in test.items() if math.isfinite(value)},
        curve=study.history(trial.index, trial.replicate),
        epochs=trial.epochs,
        seconds=trial.seconds,
        memory=trial.memory,
        parameters=trial.parameters,
        length=_length(study.task),
    )
    return Run(record, study.path, f"keraseq train --from {shlex.quote(str(study.path / name))}")


def _length(task: Mapping[str, Any]) -> int | None:
    median = task.get("lengths", {}).get("train", {}).get("50%")
    return None if median is None else int(median)
