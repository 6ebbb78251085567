"""Runs a record again from its own settings, and says whether the same comes of it."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from keraseq.benchmarking import environment, records
from keraseq.benchmarking.records import Record
from keraseq.benchmarking.runner import WORK
from keraseq.benchmarking.statistics import Estimate, estimate
from keraseq.config import check
from keraseq.errors import KeraseqError, UsageError
from keraseq.files import DamagedFileError
from keraseq.training.outcome import Outcome
from keraseq.tuning.budget import default_memory
from keraseq.tuning.executors.local import Local
from keraseq.tuning.job import Job, TaskReference

CONFIDENCE = 0.95
OF_MACHINE = ("processor", "devices")  # on which the last digits depend


@dataclass(frozen=True)
class Reproduction:
    """What came of running a record again.

    Attributes:
        record: as it was.
        score: on test, in the task's metric; None where the run failed.
        test, validation: all scores, as in a record.
        outcome, message: how the run ended.
        changed: what differs of libraries and machine, a phrase each.
        seed: with which it ran now.
        siblings: scores of the record and of those that differ from it by their seed alone.
        mean: their mean with its bootstrap interval.
        expected: where one more run lies in 95 of 100 cases, from the spread over seeds; None of fewer than two.
    """

    record: Record
    score: float | None
    test: dict[str, float]
    validation: float | None
    outcome: str
    message: str
    changed: list[str]
    seed: int
    siblings: list[float]
    mean: Estimate | None
    expected: tuple[float, float] | None

    @property
    def exact(self) -> bool:
        """Whether every score is the same to the last digit."""
        known = self.score is not None and self.validation == self.record.validation
        return known and records.finite(self.test) == self.record.test

    @property
    def inside(self) -> bool | None:
        """Whether the score lies where one more run is expected; None where nobody knows."""
        if self.expected is None or self.score is None:
            return None
        low, high = self.expected
        return low <= self.score <= high

    @property
    def confirmed(self) -> bool:
        """Whether the record may be believed: the same again, or as near as its seeds are to each other."""
        return self.exact or bool(self.inside)

    @property
    def verdict(self) -> str:
        """What to think of it, in one sentence."""
        if self.score is None:
            return f"it did not complete: {self.outcome} {self.message}".strip()
        if self.exact:
            return "exactly the same scores"
        if self.seed != self.record.seed:
            said = "with another seed"
        else:
            where = "on another system" if self.changed else "although libraries, data and processor are"
            said = f"not the same, {where}"
        if self.expected is None:
            return f"{said}; there are no runs with other seeds to say whether that is much"
        low, high = self.expected
        place = "inside" if self.inside else "outside"
        return f"{said}; {place} {low:.4g} … {high:.4g}, where one more seed is expected"


def reproduce(
    source: str | Path, *, seed: int | None = None, data_dir: str | None = None, memory: float | None = None
) -> Reproduction:
    """Runs a record again, with the width, threads and compilation that it tells of.

    Args:
        source: `FOLDER/ID` of a benchmark, `FILE/ID`, or a file that holds one record; the first digits of an id do.
        seed: another than that of the record.
        data_dir: TFDS data directory.
        memory: GiB above which the run is killed; by default nine tenths of what is free.

    Raises:
        UsageError: there is no such record, or it is one of speed.
        DamagedFileError: the record was edited or is damaged.
    """
    record, others = find(source)
    check(record.kind == "run", f"{record.id} measured speed, which no two runs share; run keraseq bench again")
    check(record.completed, f"{record.id} did not complete ({record.outcome}); use keraseq bench … --again")
    scores = [one.score for one in [record, *others] if one.score is not None]
    with tempfile.TemporaryDirectory(prefix="keraseq-") as folder:
        job = Job(
            task=TaskReference(record.task, record.settings, data_dir),
            family=record.family,
            config=record.config,
            training={**record.training, "jit_compile": bool(record.jit_compile)},
            match={},
            max_parameters=None,
            strategy=record.strategy or "auto",
            seed=record.seed if seed is None else seed,
            folder=folder,
        )
        facts = _run(job, record.threads, int(memory * 2**30) if memory else default_memory(1))
    completed = facts["outcome"] == Outcome.COMPLETED
    test = facts.get("test", {})
    return Reproduction(
        record=record,
        score=test.get(record.metric) if completed else None,
        test=test,
        validation=facts.get("score"),
        outcome=str(facts["outcome"]),
        message=facts.get("message", ""),
        changed=changes(record, environment.machine(facts.get("devices")), facts.get("data")),
        seed=job.seed,
        siblings=scores,
        mean=estimate(scores),
        expected=expected(scores),
    )


def find(source: str | Path) -> tuple[Record, list[Record]]:
    """A record by its path, and those of its file that differ from it by their seed alone.

    Raises:
        UsageError: there is no such record, or several.
        DamagedFileError: it was edited or is damaged.
    """
    path = Path(source)
    whole = path.is_file() or (path / records.NAME).is_file()
    given = "" if whole else path.name
    file = path if whole else path.parent
    try:
        found = records.read(file)
    except KeraseqError as error:
        raise UsageError(f"a record is FOLDER/ID or a file that holds it; got {source}: {error}") from error
    fitting = [record for record in found.records if record.id.startswith(given)]
    if not fitting and found.problems:
        raise DamagedFileError(f"{source}: no record with that id can be used. {' '.join(found.problems)}")
    if len(fitting) != 1:
        some = ", ".join(record.id for record in (fitting or found.records)[:5])
        raise UsageError(f"{file} has {len(fitting)} records {given}…; give one of them: {file}/ID with ID {some}, …")
    (record,) = fitting
    key = _but_seed(record)
    siblings = [one for one in found.records if one.id != record.id and one.completed and _but_seed(one) == key]
    return record, siblings


def expected(scores: Sequence[float]) -> tuple[float, float] | None:
    """Where one more of some normal scores lies in 95 of 100 cases; None of fewer than two.

        mean ± t s √(1 + 1 / n)

    It is wider than the interval of the mean, in which single runs mostly do not lie.
    """
    if len(scores) < 2:
        return None
    count, spread = len(scores), float(np.std(scores, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * spread * math.sqrt(1 + 1 / count)
    return float(np.mean(scores)) - half, float(np.mean(scores)) + half


def changes(record: Record, machine: dict[str, Any], data: str | None = None) -> list[str]:
    """What differs between the system of a record and this one, where results may depend on it."""
    now = environment.versions()
    pairs = {name: (record.versions.get(name), now.get(name)) for name in {**record.versions, **now}}
    pairs |= {name: (record.machine.get(name), machine.get(name)) for name in OF_MACHINE}
    if data is not None:
        pairs["data"] = record.data, data
    return [f"{name} {_said(old)} → {_said(new)}" for name, (old, new) in pairs.items() if old != new]


def _said(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _but_seed(record: Record) -> Record:
    """The part of a record that runs share which differ by their seed."""
    return replace(
        Record(id="any", suite=record.suite, task=record.task, family=record.family),
        kind=record.kind,
        settings=record.settings,
        config=record.config,
        training=record.training,
        match=record.match,
        tuned=record.tuned,
    )


def _run(job: Job, threads: int | None, memory: int) -> dict[str, Any]:
    """Runs a job to its end in a child, and gives the facts of it."""
    with contextlib.closing(Local(1, threads)) as executor:
        handle = executor.start(WORK["run"][0], job, memory=memory)
        try:
            while True:
                for ready in executor.ready([handle], 0.5):
                    kind, facts = ready.hear()
                    if kind == "end":
                        return facts
                    if kind == "epoch":
                        ready.tell("go", None)
                if handle.exceeds_memory():
                    handle.kill(Outcome.OUT_OF_MEMORY)
        finally:
            handle.close()
