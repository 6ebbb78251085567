"""`benchmark`: runs what a suite asks for and what has no record yet, each run in a process of its own."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keraseq.benchmarking import environment, records, tuned
from keraseq.benchmarking.records import Record, checksum
from keraseq.benchmarking.runs import Run, plan
from keraseq.benchmarking.suite import Suite, load_suite
from keraseq.benchmarking.view import PlainView, Progress, SilentView, View
from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.files import make_folder, read_json, write_json
from keraseq.registry import models as families
from keraseq.training.outcome import Outcome
from keraseq.tuning.budget import default_memory
from keraseq.tuning.executors.base import Handle
from keraseq.tuning.executors.local import Local
from keraseq.tuning.job import Job, TaskReference
from keraseq.tuning.study import locked

TICK = 0.5  # seconds between looks at memory
FORMAT = 1
WORK = {  # what is done for one record, each in a process of its own
    "run": ("keraseq.benchmarking.children:train",),
    "speed": tuple(f"keraseq.benchmarking.speed:{name}" for name in ("training", "inference", "latency")),
}
SLOW = 10.0  # seconds of a training step from which on longer sequences are left out
AGAIN = (Outcome.KILLED, Outcome.INTERRUPTED, Outcome.PREEMPTED, Outcome.TIMED_OUT)  # chance, which need not repeat


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark came to.

    Attributes:
        path: its folder.
        runs: what was asked for.
        records: everything that the folder holds, those of earlier calls included.
        problems: what of the folder could not be used.
    """

    path: Path
    runs: list[Run] = field(repr=False)
    records: list[Record] = field(repr=False)
    problems: list[str]

    @property
    def asked(self) -> list[Record]:
        """The records of the runs that were asked for, in their order."""
        found = {record.id: record for record in self.records}
        return [found[run.id] for run in self.runs if run.id in found]

    def report(self, path: str | Path, title: str | None = None) -> Path:
        """Writes a report of all that the folder holds.

        Args:
            path: of the file: `.html`, `.md` or `.csv`.
            title: its heading; None makes one.

        Raises:
            UsageError: the name of the file tells no format.
            KeraseqError: a library of the extra `report` is absent.
        """
        from keraseq.benchmarking.report import report, write

        return write(report([self.path], title), path)


def benchmark(
    suite: str | Path | Suite = "smoke",
    models: Iterable[str] | None = None,
    *,
    tasks: str | Iterable[str] = "*",
    seeds: int | Iterable[int] | None = None,
    match: Mapping[str, Any] | None = None,
    tuned: int | None = None,
    epochs: int | None = None,
    workers: int = 1,
    threads: int | None = None,
    memory: float | None = None,
    again: bool = False,
    directory: str | Path | None = None,
    data_dir: str | None = None,
    view: View | None = None,
    progress: bool = True,
) -> Benchmark:
    """Runs a suite and leaves a record of every run.

    Each run trains in a process of its own; validation chooses its weights, and test is looked at once. The same call
    goes on where an earlier one stopped or was killed: what has a record is not run again, but for runs that were
    killed. A run that fails becomes a record that says so, and the others go on.

    Args:
        suite: name, or TOML file: see `keraseq.benchmarking.suite`.
        models: families in place of those of the suite.
        tasks: wildcards for names or labels of tasks.
        seeds: in place of those of the suite: how many, or which.
        match: in place of that of the suite: `{"parameters": 60_000}`, `{"flops": 1e6}` of predicting one sequence, or
            `{"step-time": 20}` milliseconds of a step of training, which is only fair with one worker.
        tuned: trials of a search for the settings of each family, on each task and size, with a seed of its own; the
            best settings are then run with the seeds of the suite. 0 runs the settings of the suite.
        epochs: at most so many, for a shorter look.
        workers: runs at once.
        threads: of the CPU for each run; by default the cores are divided among the workers.
        memory: GiB above which a run is killed as `out of memory`; by default nine tenths of what is free.
        again: whether runs that failed before are run again.
        directory: where records and trained models go; by default `runs/bench-SUITE`, with a hash where `match`,
            `tuned` or `epochs` alter the suite.
        data_dir: TFDS data directory.
        view: shows the benchmark as it goes; a line a run by default.
        progress: False shows nothing.

    Raises:
        UsageError: an unknown name or a value out of range; nothing has been run.
        KeraseqError: the folder is in use, holds another suite or cannot be written.
        KeyboardInterrupt: Ctrl-C; the same call goes on.

    Example:
        >>> keraseq.benchmark("smoke", models=["gru", "tcn"], seeds=3).records      # doctest: +SKIP
    """
    for name, count in (("workers", workers), ("threads", threads), ("epochs", epochs)):
        check(count is None or count >= 1, f"{name} must be at least 1; got {count}")
    check(memory is None or memory > 0, f"memory must be above 0; got {memory}")
    check(tuned is None or tuned >= 0, f"tuned must be 0 or more trials for each family; got {tuned}")
    given = suite if isinstance(suite, Suite) else load_suite(suite)
    chosen = given.altered(match, tuned, epochs)
    runs = plan(chosen, models, tasks, seeds)
    check(
        chosen.kind != "speed" or workers == 1,
        f"speed is measured one run at a time, or they slow each other; got workers={workers}: leave it out",
    )
    path = make_folder(Path(directory) if directory is not None else default_folder(given, chosen))
    file = path / records.NAME
    shown = view or (PlainView() if progress else SilentView())
    with locked(path, "bench.lock", "benchmark"):
        _claim(path, chosen)
        records.mend(file)
        known = records.read(file) if file.is_file() else records.Records([], [])
        done = {record.id for record in known.records if _settled(record, again)}
        missing = [run for run in runs if run.id not in done]
        if missing:
            limit = int(memory * 2**30) if memory else default_memory(workers)
            with contextlib.closing(Local(workers, threads)) as executor:
                Runner(path, missing, len(runs), executor, limit, data_dir, shown, _widths(runs, known.records)).run()
        found = records.read(file) if file.is_file() else known
    return Benchmark(path, runs, found.records, found.problems)


def default_folder(given: Suite, chosen: Suite) -> Path:
    """Where a suite is run, as it is given or altered."""
    altered = "" if given == chosen else f"-{checksum(chosen.to_json())[:8]}"
    return Path("runs") / f"bench-{given.name}{altered}"


def _widths(runs: Sequence[Run], known: Sequence[Record]) -> dict[str, int]:
    """Group → width of the runs on record that were matched by time."""
    found = {record.id: record for record in known if record.completed}
    timed = [run for run in runs if "step-time" in run.match and run.id in found]
    return {run.group: found[run.id].config[families.get(run.family).width] for run in timed}


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


def _settled(record: Record, again: bool) -> bool:
    return record.completed or not (again or record.outcome in AGAIN)


def _claim(path: Path, suite: Suite) -> None:
    """Notes the suite in its folder.

    Raises:
        UsageError: the folder holds records of another suite.
    """
    file = path / "suite.json"
    new = json.loads(json.dumps({"format": FORMAT, **suite.to_json()}))
    if not file.is_file():
        write_json(file, new)
        return
    old = read_json(file, "delete it if the records beside it are of the same suite, or choose another directory")
    told = [name for name in new if name != "description"]
    changed = [name for name in told if not isinstance(old, dict) or old.get(name) != new[name]]
    if changed:
        raise UsageError(
            f"{path} holds another suite, or another version of it ({', '.join(changed)} differ); choose another "
            "directory, or delete that one"
        )


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
        executor: Local,
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
