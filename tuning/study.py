"""A study on disk: what is searched, its trials, its winners.

study.json          what is searched, and what the task said of itself (written once)
study.db            Optuna's storage; the coordinator is its only writer
study.lock          held by the coordinator
trials/0007/        job.json, history.jsonl, model.keras, card.json, traceback.txt
best/               model.keras and card.json of the best trial
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import sqlalchemy.exc
from optuna.trial import FrozenTrial, TrialState

from keraseq.errors import KeraseqError, UsageError
from keraseq.files import make_folder, read_json, write_json
from keraseq.training.outcome import Outcome

if TYPE_CHECKING:
    from keraseq.inference.saved import Predictor

FORMAT = 1
NAME = "keraseq"
_DAMAGED = "move the folder away to start anew, or restore it; its trial folders can still be loaded one by one"


@dataclass(frozen=True)
class Record:
    """A trial that ended.

    Attributes:
        index: its place in the plan, from 0; also the name of its folder.
        family: model name.
        params: what was sampled, under names such as `tcn/filters`.
        outcome: how it ended.
        score: best validation score in the task's metric, or None.
        parameters: weights of the model, or None if it was not built.
        epochs: that ended.
        seconds: wall time of the trial.
        message: why, where it did not complete.
    """

    index: int
    family: str
    params: Mapping[str, Any]
    outcome: Outcome
    score: float | None
    parameters: int | None
    epochs: int
    seconds: float
    message: str


@dataclass(frozen=True)
class Row:
    """One family in the leaderboard: its winner on validation, and the test score of that winner alone.

    Attributes:
        family: model name.
        trials: trials of the family that ended.
        failed: those of them without a score.
        winner: its best trial, or None.
        test: test score of the winner in the task's metric, or None if it is not known yet.
    """

    family: str
    trials: int
    failed: int
    winner: Record | None
    test: float | None

    def to_json(self) -> dict[str, Any]:
        """The row as plain data."""
        winner = self.winner
        return {
            "family": self.family,
            "trials": self.trials,
            "failed": self.failed,
            "trial": winner.index if winner else None,
            "parameters": winner.parameters if winner else None,
            "validation": winner.score if winner else None,
            "test": self.test,
            "epochs": winner.epochs if winner else None,
            "seconds": round(winner.seconds, 1) if winner else None,
            "params": dict(winner.params) if winner else None,
        }


@dataclass(frozen=True)
class Plan:
    """What is searched; the same plan goes on with the same study.

    Attributes:
        task: name, settings and data directory, as plain data.
        models: families in the order of their turns; a family named twice gets two turns a round.
        algorithm: registered name.
        seed: of sampling and of every trial.
        parameters: size that every model is brought to, or None.
        max_parameters: a larger model is refused, or None.
        training: fixed settings of `Training`.
        strategy: registered name.
    """

    task: Mapping[str, Any]
    models: tuple[str, ...]
    algorithm: str
    seed: int
    parameters: int | None = None
    max_parameters: int | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    strategy: str = "auto"

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {**vars(self), "task": dict(self.task), "models": list(self.models), "training": dict(self.training)}

    @property
    def name(self) -> str:
        """A folder name that the same plan always gets."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return f"{str(self.task['name']).replace('/', '-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


class Study:
    """A study, read from its folder.

    Args:
        path: the folder that `search` wrote.

    Raises:
        KeraseqError: there is no study, or it is damaged.

    Example:
        >>> study = Study("studies/digits-1f2e3d4c")           # doctest: +SKIP
        >>> study.leaderboard()[0].family                      # doctest: +SKIP
        'gru'
        >>> study.best().predict(images)                       # doctest: +SKIP
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        file = self.path / "study.json"
        if not file.is_file():
            raise KeraseqError(f"no study in {self.path}: it has no study.json; give the folder that search printed")
        data = read_json(file, _DAMAGED)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else None
            raise KeraseqError(f"{file} has format {found}; this keraseq reads {FORMAT}; {_DAMAGED}")
        self.plan = Plan(**{**data["plan"], "models": tuple(data["plan"]["models"])})
        self.task: dict[str, Any] = data["task"]
        if not (self.path / "study.db").is_file():
            raise KeraseqError(f"{self.path / 'study.db'} is missing; {_DAMAGED}")
        with readable(self.path):
            self.optuna = optuna.load_study(study_name=NAME, storage=_storage(self.path))

    @classmethod
    def create(cls, path: Path, plan: Plan, task: Mapping[str, Any]) -> Study:
        """Writes a new study; `task` is the task's own summary, with `metric` and `direction`."""
        for leftover in path.glob("study.db*"):  # of a creation that was killed: study.json comes last
            leftover.unlink()
        maximise = task["direction"] == "max"
        direction = optuna.study.StudyDirection.MAXIMIZE if maximise else optuna.study.StudyDirection.MINIMIZE
        with readable(path):
            optuna.create_study(study_name=NAME, storage=_storage(path), direction=direction)
        write_json(path / "study.json", {"format": FORMAT, "plan": plan.to_json(), "task": dict(task)})
        return cls(path)

    def attempts(self) -> dict[int, list[FrozenTrial]]:
        """Every launch of every trial, by index; a trial lost with its coordinator is launched again."""
        with readable(self.path):
            found: dict[int, list[FrozenTrial]] = {}
            for trial in self.optuna.get_trials(deepcopy=False):
                if "index" in trial.user_attrs:
                    found.setdefault(trial.user_attrs["index"], []).append(trial)
            return found

    def records(self) -> list[Record]:
        """The trials that ended, by index."""
        return [record for _, trials in sorted(self.attempts().items()) if (record := _record(trials[-1]))]

    def winner(self, family: str | None = None) -> Record | None:
        """The trial with the best validation score, of one family or of all; the earlier one of equals."""
        return self._best(record for record in self.records() if family in (None, record.family))

    def leaderboard(self) -> list[Row]:
        """One row a family, the best validation score first."""
        records, tests = self.records(), self.test_scores()
        rows = []
        for family in dict.fromkeys(self.plan.models):
            own = [record for record in records if record.family == family]
            winner = self._best(own)
            test = tests.get(winner.index, {}).get(self.task["metric"]) if winner else None
            rows.append(Row(family, len(own), sum(r.score is None for r in own), winner, test))
        return sorted(rows, key=lambda row: self._rank(row.winner))

    def _best(self, records: Iterable[Record]) -> Record | None:
        return min((record for record in records if record.score is not None), key=self._rank, default=None)

    def _rank(self, record: Record | None) -> tuple[float, int]:
        """Smaller is better; what has no score comes last."""
        if record is None or record.score is None:
            return math.inf, 0
        return (-record.score if self.task["direction"] == "max" else record.score), record.index

    def test_scores(self) -> dict[int, dict[str, float]]:
        """Metrics on the test split, by trial index; only winners of families have them."""
        with readable(self.path):
            attributes = self.optuna.user_attrs
        return {int(name.removeprefix("test/")): s for name, s in attributes.items() if name.startswith("test/")}

    def folder(self, index: int) -> Path:
        """Where a trial keeps its files."""
        return self.path / "trials" / f"{index:04d}"

    def best(self) -> Predictor:
        """The best model, ready to predict on raw inputs.

        Raises:
            KeraseqError: no trial has completed yet.
        """
        from keraseq.inference.saved import load_model

        return load_model(self.path / "best")


def _storage(path: Path) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(f"sqlite:///{path.resolve() / 'study.db'}")


def _record(trial: FrozenTrial) -> Record | None:
    attributes = trial.user_attrs
    if not trial.state.is_finished() or attributes.get("outcome", Outcome.INTERRUPTED) == Outcome.INTERRUPTED:
        return None
    return Record(
        index=attributes["index"],
        family=attributes["family"],
        params=trial.params,
        outcome=Outcome(attributes["outcome"]),
        score=trial.value if trial.state is not TrialState.FAIL else None,
        parameters=attributes.get("parameters"),
        epochs=attributes.get("epochs") or 0,
        seconds=attributes.get("seconds") or 0.0,
        message=attributes.get("message", ""),
    )


def open_study(path: Path, plan: Plan) -> Study | None:
    """The study of `plan` in a folder, or None where the folder holds none yet.

    Raises:
        KeraseqError: the folder holds something else, or is damaged.
        UsageError: it holds a study of another plan.
    """
    if not (path / "study.json").is_file():
        foreign = [
            file.name for file in path.iterdir() if not file.name.startswith((".study", "study.lock", "study.db"))
        ]
        if foreign:
            raise KeraseqError(f"{path} holds {foreign[0]!r} but no study.json; choose another directory")
        return None
    study = Study(path)
    old, new = study.plan.to_json(), json.loads(json.dumps(plan.to_json()))
    changed = [f"{name} {old[name]!r} → {new[name]!r}" for name in new if old.get(name) != new[name]]
    if changed:
        raise UsageError(f"{path} holds another study ({'; '.join(changed)}); choose another directory")
    return study


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the study in `path` for one coordinator; the lock ends with the process, however that ends.

    Raises:
        KeraseqError: another process holds it.
    """
    with (make_folder(path) / "study.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise KeraseqError(
                f"{path} is in use by another search (process {holder}); wait for it or choose another directory"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what SQLite and Optuna raise on a damaged file into one line."""
    try:
        yield
    except (
        sqlite3.DatabaseError,
        sqlalchemy.exc.DatabaseError,
        optuna.exceptions.StorageInternalError,
        KeyError,
    ) as error:
        cause = (str(error).splitlines() or [""])[0]
        raise KeraseqError(f"{path / 'study.db'} cannot be used ({cause}); {_DAMAGED}") from error
    except RuntimeError as error:  # Optuna: the schema is of another version
        raise KeraseqError(f"{path / 'study.db'} cannot be used ({error}); {_DAMAGED}") from error
