"""Records of runs: one JSON line each, appended and never changed, with a checksum that tells edits.

A run that completed has one record. One that did not may be run again, and its later record then stands for it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from keraseq.config import check, configure
from keraseq.errors import KeraseqError, UsageError
from keraseq.files import DamagedFileError
from keraseq.training.outcome import Outcome

FORMAT = 1
NAME = "records.jsonl"
KINDS = ("run", "speed")
REMEDY = "restore the line, or run the benchmark again, which repeats what has no record"


@dataclass(frozen=True)
class Record:
    """What came of one run. What is not known is None; numbers are finite.

    Attributes:
        id: of the run: `keraseq.benchmarking.runs.Run.id`.
        suite, task, family: names.
        kind: `run`, or `speed` for one that measures cost and learns nothing.
        settings: of the task, those that the suite gives.
        label: how tables call the row of the task: its name and the settings that vary.
        config: all settings of the family, its width solved for.
        training: all settings of `Training`.
        match, matched: measure → what the size was to be, and what it came to; empty where the size is as configured.
        seed: of weights, shuffling and dropout.
        tuned: trials that were spent on the settings before; 0 for fixed settings.
        published: key of a source of published numbers.
        outcome: how it ended: see `keraseq.training.outcome.Outcome`.
        message: why, where it did not complete.
        metric, direction, chance: the task's metric, whether it is to be `max` or `min`, its score at chance on test.
        validation: best score on validation.
        test: metric → score on test, of the weights that were best on validation.
        curve: loss and metrics of each epoch.
        epochs, best_epoch: epochs that ended, and the one of the best score, from 1.
        seconds, build_seconds: of training, and of building the model.
        examples_per_second: examples seen in training for each second of it, validation included.
        memory: bytes, the peak of the process.
        parameters: trainable.
        flops: floating-point operations of one prediction of one sequence of `length`.
        length: steps of the median sequence of train.
        jit_compile: whether XLA compiled the steps of training.
        strategy, threads: where it was trained, on how many threads of the CPU.
        data: what the data were: name and version.
        cost: of a `speed` record: see `keraseq.benchmarking.cost`.
        versions: library → version.
        machine: see `keraseq.benchmarking.environment`.
        ended: when, in ISO 8601.
        format: of the line.
    """

    format: int = FORMAT
    kind: str = "run"
    id: str = ""
    suite: str = ""
    task: str = ""
    settings: dict = field(default_factory=dict)
    label: str = ""
    family: str = ""
    config: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    match: dict = field(default_factory=dict)
    matched: dict = field(default_factory=dict)
    seed: int = 0
    tuned: int = 0
    published: str | None = None
    outcome: str = Outcome.COMPLETED.value
    message: str = ""
    metric: str | None = None
    direction: str | None = None
    chance: float | None = None
    validation: float | None = None
    test: dict = field(default_factory=dict)
    curve: list = field(default_factory=list)
    epochs: int | None = None
    best_epoch: int | None = None
    seconds: float | None = None
    build_seconds: float | None = None
    examples_per_second: float | None = None
    memory: int | None = None
    parameters: int | None = None
    flops: int | None = None
    length: int | None = None
    jit_compile: bool | None = None
    strategy: str | None = None
    threads: int | None = None
    data: str | None = None
    cost: dict | None = None
    versions: dict = field(default_factory=dict)
    machine: dict = field(default_factory=dict)
    ended: str | None = None

    def __post_init__(self) -> None:
        check(self.format == FORMAT, f"format is {self.format}; this keraseq reads {FORMAT}")
        check(self.kind in KINDS, f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        check(self.outcome in list(Outcome), f"outcome must be one of {', '.join(Outcome)}; got {self.outcome!r}")
        check(self.direction in ("max", "min", None), f"direction must be max, min or null; got {self.direction!r}")
        for name in ("id", "suite", "task", "family"):
            check(getattr(self, name) != "", f"{name} is missing")

    @property
    def completed(self) -> bool:
        """Whether the run ended as it was to."""
        return self.outcome == Outcome.COMPLETED

    @property
    def score(self) -> float | None:
        """The task's metric on test."""
        return self.test.get(self.metric) if self.metric else None

    def to_json(self) -> dict[str, Any]:
        """The record as plain data, its checksum last; numbers that are not finite are None."""
        data = finite({one.name: getattr(self, one.name) for one in dataclasses.fields(self)})
        return {**data, "sha256": checksum(data)}


@dataclass(frozen=True)
class Records:
    """What a file of records holds.

    Attributes:
        records: one a run, in the order in which runs were first noted.
        problems: what could not be used, a sentence each; nothing else is lost by it.
    """

    records: list[Record]
    problems: list[str]


def of(data: Mapping[str, Any]) -> Record:
    """The record that plain data hold; a checksum among them must be right.

    Raises:
        DamagedFileError: the checksum does not hold.
        UsageError: a key that is unknown or missing, or a value of another type.
    """
    given = dict(data)
    told = given.pop("sha256", None)
    if told is not None and told != checksum(given):
        raise DamagedFileError("its checksum does not hold, so it was edited by hand or is damaged")
    return configure(Record, given, "record")


def read(path: str | Path) -> Records:
    """The records of a file, or of the `records.jsonl` of a folder.

    A line that cannot be used is left out and told of: a last line that was cut short, one whose checksum does not
    hold, and a second record of a run that has completed.

    Raises:
        KeraseqError: there is no such file, or it cannot be read.
    """
    path = file_of(path)
    found: dict[str, Record] = {}
    problems = []
    for number, line in _lines(path):
        where = f"line {number} of {path}"
        try:
            record = _parsed(line)
        except (ValueError, KeraseqError) as error:
            if not line.endswith(b"\n"):
                problems.append(f"{where}: cut short, as by a kill, and left out; run the benchmark again to repeat it")
            else:
                problems.append(f"{where} is left out: {error}; {REMEDY}")
            continue
        if record.id in found and found[record.id].completed:
            problems.append(f"{where}: a second record of run {record.id}; the first is kept, delete this line")
            continue
        found[record.id] = record
    return Records(list(found.values()), problems)


def mend(path: Path) -> None:
    """Makes a file fit to be appended to: a last line that was cut short goes. Call it under the folder's lock."""
    if not path.is_file():
        return
    last = next((line for _, line in reversed(list(_lines(path)))), b"")
    if last and not last.endswith(b"\n"):
        try:
            _parsed(last)
        except (ValueError, KeraseqError):
            os.truncate(path, path.stat().st_size - len(last))
        else:
            with path.open("ab") as file:
                file.write(b"\n")


def append(path: Path, record: Record) -> None:
    """Adds one line to a file, in one write that is on disk when this returns.

    Raises:
        KeraseqError: it could not be written.
    """
    line = json.dumps(record.to_json(), ensure_ascii=False, allow_nan=False).encode() + b"\n"
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if os.write(file, line) < len(line):
                raise OSError(28, "No space left on device")
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise KeraseqError(
            f"cannot write to {path}: {error.strerror}; mend that, then the same command goes on"
        ) from error


def file_of(path: str | Path) -> Path:
    """The file of records that a path means, a folder or a file.

    Raises:
        KeraseqError: there is none.
    """
    path = Path(path)
    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        raise KeraseqError(f"no records at {path}; give the folder of a benchmark, which keraseq bench printed")
    return path


def checksum(data: Mapping[str, Any]) -> str:
    """SHA-256 of plain data, whatever the order of keys.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def finite(value: Any) -> Any:
    """Plain data with None in place of numbers that are not finite."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(name): finite(part) for name, part in value.items()}
        case list() | tuple():
            return [finite(part) for part in value]
    return value


def _parsed(line: bytes) -> Record:
    """The record of a line.

    Raises:
        ValueError: it is not JSON.
        KeraseqError: it is no record, or its checksum does not hold.
    """
    data = json.loads(line.decode(), parse_constant=_refused)
    if not isinstance(data, dict) or "sha256" not in data:
        raise UsageError("it is no record with a checksum")
    return of(data)


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise KeraseqError(f"cannot read {path}: {error.strerror}") from error
