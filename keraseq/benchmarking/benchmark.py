"""`benchmark`: runs a suite in a folder, and gives what came of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keraseq.benchmarking import records
from keraseq.benchmarking.records import Record, checksum
from keraseq.benchmarking.runner import Runner
from keraseq.benchmarking.runs import Run, plan
from keraseq.benchmarking.suite import Suite, load_suite
from keraseq.benchmarking.view import PlainView, SilentView, View
from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.files import make_folder, read_json, write_json
from keraseq.registry import models as families
from keraseq.training.outcome import Outcome
from keraseq.tuning.budget import default_memory
from keraseq.tuning.executors.local import Local
from keraseq.tuning.study import locked

FORMAT = 1
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
