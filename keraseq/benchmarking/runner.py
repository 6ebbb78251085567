"""The runner: runs what a benchmark asks for and what has no record yet, each run in a process of its own."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keraseq.benchmarking import environment, records, tuned
from keraseq.benchmarking.records import Record, checksum
from keraseq.benchmarking.runs import Run
from keraseq.benchmarking.view import Progress, View
from keraseq.files import make_folder
from keraseq.training.outcome import Outcome
from keraseq.tuning.executors.base import Executor, Handle
from keraseq.tuning.job import Job, TaskReference

TICK = 0.5  # seconds between looks at memory
WORK = {  # what is done for one record, each in a process of its own
    "run": ("keraseq.benchmarking.children:train",),
    "speed": tuple(f"keraseq.benchmarking.speed:{name}" for name in ("training", "inference", "latency")),
}
SLOW = 10.0  # seconds of a training step from which on longer sequences are left out


@dataclass
class Running:
    """A run, or the preparation of a task, that is under way."""

    handle: Handle
    task: str
    run: Run | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


class Runner:
    """Runs what is missing. A run is on record before its worker takes the next.

    Args:
        path: the folder, locked by the caller.
        missing: what to run.
        asked: how many runs there are, those that are done included.
        executor: runs them.
        memory: bytes that a run may take.
        data_dir: TFDS data directory.
        view: shows what happens.
        widths: group → width that was solved for by time, which never comes out the same again.
    """

    def __init__(
        self,
        path: Path,
        missing: Sequence[Run],
        asked: int,
        executor: Executor,
        memory: int,
        data_dir: str | None,
        view: View,
        widths: Mapping[str, int],
    ):
        self.path, self.executor, self.memory, self.data_dir, self.view = path, executor, memory, data_dir, view
        self.pending = list(missing)
        self.asked = asked
        self.running: list[Running] = []
        self.ended: list[Record] = []
        self.found: dict[str, tuned.Found] = {}  # group → settings that a search found
        self.widths = dict(widths)
        self._prepared: set[str] = set()
        self._lost: Counter[str] = Counter()

    def run(self) -> None:
        """Until nothing is left."""
        try:
            self._tune()
            while True:
                while len(self.running) < self.executor.workers and (begun := self._next()) is not None:
                    self.running.append(begun)
                self._show()
                if not self.running:
                    return
                self._wait()
        finally:
            for running in self.running:
                running.handle.close()

    def _tune(self) -> None:
        """Searches for the settings of each group of runs that asks for it."""
        first = {run.group: run for run in reversed(self.pending) if run.tuned}
        for group, run in reversed(first.items()):
            found = tuned.settings(run, self.path / "studies", self.executor.workers, self.data_dir, self.view)
            if isinstance(found, str):
                for one in [one for one in self.pending if one.group == group]:
                    self._note(one, {"outcome": Outcome.FAILED, "message": f"searching its settings: {found}"})
            else:
                self.found[group] = found

    def _next(self) -> Running | None:
        """Starts what comes next: the first run whose task is prepared, or its preparation."""
        busy = {running.task for running in self.running if running.run is None}
        solving = {running.run.group for running in self.running if running.run is not None}
        for run in self.pending:
            task = _data_of(run)
            if task in busy or (run.group in solving and self._by_time(run)):
                continue
            if task not in self._prepared:
                return Running(self.executor.start("prepare", self._reference(run)), task)
            self.pending.remove(run)
            job = self._job(run)
            shutil.rmtree(job.folder, ignore_errors=True)
            make_folder(Path(job.folder))
            first, *left = WORK[run.kind]
            return Running(self.executor.start(first, job, memory=self.memory), task, run, left=left)
        return None

    def _by_time(self, run: Run) -> bool:
        return "step-time" in run.match and run.group not in self.widths

    def _reference(self, run: Run) -> TaskReference:
        return TaskReference(run.task, run.settings, self.data_dir)

    def _job(self, run: Run) -> Job:
        found = self.found.get(run.group)
        return Job(
            task=self._reference(run),
            family=run.family,
            config=run.config if found is None else found.config,
            training=run.training if found is None else found.training,
            match=run.match,
            max_parameters=None,
            strategy="auto",
            seed=run.seed,
            folder=str(self.path / "trained" / run.id),
            width=self.widths.get(run.group) if found is None else found.width,
        )

    def _wait(self) -> None:
        ready = self.executor.ready([running.handle for running in self.running], TICK)
        for running in [running for running in self.running if running.handle in ready]:
            self._hear(running, *running.handle.hear())
        for running in self.running:
            if running.handle.exceeds_memory():
                running.handle.kill(Outcome.OUT_OF_MEMORY)

    def _hear(self, running: Running, kind: str, facts: dict[str, Any]) -> None:
        if kind == "ready":
            running.facts["parameters"] = facts["parameters"]
        elif kind == "epoch":
            running.curve.append(facts)
            running.handle.tell("go", None)
        elif kind == "end":
            running.handle.close()
            if running.run is not None and running.left and facts["outcome"] == Outcome.COMPLETED:
                running.facts = _together(running.facts, facts)
                running.handle = self.executor.start(running.left.pop(0), self._job(running.run), memory=self.memory)
                return
            self.running.remove(running)
            if running.run is None:
                self._end_of_preparation(running.task, facts)
            else:
                self._end(running.run, running, facts)

    def _end_of_preparation(self, task: str, facts: Mapping[str, Any]) -> None:
        if facts["outcome"] == Outcome.COMPLETED:
            self._prepared.add(task)
            return
        for run in [run for run in self.pending if _data_of(run) == task]:
            self._note(run, facts)

    def _end(self, run: Run, running: Running, facts: dict[str, Any]) -> None:
        if facts["outcome"] == Outcome.KILLED and not self._lost[run.id]:
            self._lost[run.id] += 1
            self.pending.insert(0, run)
            return
        if "traceback" in facts:
            (self.path / "trained" / run.id / "traceback.txt").write_text(facts["traceback"], encoding="utf-8")
        if "step-time" in run.match and "width" in facts:
            self.widths[run.group] = facts["width"]
        told = _together(running.facts, facts)
        if run.kind == "speed":
            self._note(run, told)
            self._leave_out_longer(run, told)
        else:
            self._note(run, {"epochs": len(running.curve), **told}, running.curve)

    def _leave_out_longer(self, run: Run, facts: Mapping[str, Any]) -> None:
        """Notes longer sequences as too large for a family that ran out of memory, or that takes too long."""
        if facts["outcome"] == Outcome.OUT_OF_MEMORY:
            why = "out of memory"
        elif facts["outcome"] == Outcome.COMPLETED and facts["batch_size"] / facts["examples_per_second"] > SLOW:
            why = f"a step of training takes {facts['batch_size'] / facts['examples_per_second']:.0f} s"
        else:
            return
        message = f"left out: {why} at length {run.settings.get('length')}"
        for longer in [one for one in self.pending if _longer_than(one, run)]:
            self._note(longer, {"outcome": Outcome.TOO_LARGE, "message": message})

    def _note(self, run: Run, facts: Mapping[str, Any], curve: Sequence[dict[str, Any]] = ()) -> None:
        """Makes a record of a run that has ended."""
        if run in self.pending:
            self.pending.remove(run)
        job = self._job(run)
        told = {
            **{name: getattr(run, name) for name in _ASKED},
            **{name: facts.get(name) for name in _TOLD},
            "config": facts.get("config", job.config),
            "training": job.training,
            "matched": facts.get("match") or {},
            "outcome": str(facts["outcome"]),
            "message": facts.get("message", ""),
            "validation": facts.get("score"),
            "test": facts.get("test", {}),
            "curve": list(curve),
            "seconds": facts.get("fit_seconds", facts.get("seconds")) if run.kind == "run" else None,
            "versions": environment.versions(),
            "machine": environment.machine(facts.get("devices")),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        record = records.of(records.finite(told))
        records.append(self.path / records.NAME, record)
        self.ended.append(record)
        self.view.ended(record)

    def _show(self) -> None:
        self.view.update(Progress(self.asked, len(self.pending), self.ended, self.running, self.executor.workers))


def _longer_than(run: Run, other: Run) -> bool:
    """Whether a run is of longer sequences than another, and the same but for that."""

    def same(one: Run) -> tuple[Any, ...]:
        settings = {name: value for name, value in one.settings.items() if name != "length"}
        return one.task, settings, one.family, one.config, one.match

    return same(run) == same(other) and run.settings.get("length", 0) > other.settings.get("length", 0)


def _together(facts: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of one run from several processes."""
    cost = {**facts.get("cost", {}), **more.get("cost", {})}
    return {**facts, **more, **({"cost": cost} if cost else {})}


def _data_of(run: Run) -> str:
    return checksum({"task": run.task, "settings": run.settings})


_ASKED = ("kind", "id", "suite", "task", "settings", "label", "family", "match", "seed", "tuned", "published")
_TOLD = (
    "metric",
    "direction",
    "chance",
    "epochs",
    "best_epoch",
    "build_seconds",
    "examples_per_second",
    "memory",
    "parameters",
    "flops",
    "length",
    "jit_compile",
    "strategy",
    "threads",
    "data",
    "cost",
)
