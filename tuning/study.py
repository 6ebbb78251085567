"""A study on disk: what is searched, its trials, its winners.

study.json          what is searched, and what the task said of itself (written once)
study.db            Optuna's storage; the coordinator is its only writer
study.lock          held by the coordinator
trials/0007/        job.json, history.jsonl, model.keras, card.json, traceback.txt; 0007-1 on the first fresh seed
best/               model.keras and card.json of the best trial
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import sqlalchemy.exc
from optuna.trial import FrozenTrial

from keraseq.errors import KeraseqError, UsageError
from keraseq.files import make_folder, read_json, write_json
from keraseq.tuning.leaderboard import Row, best, leaderboard
from keraseq.tuning.pareto import front
from keraseq.tuning.plan import Plan
from keraseq.tuning.record import Record, end_of, record_of, trial_name

if TYPE_CHECKING:
    from keraseq.inference.saved import Predictor

FORMAT = 2
NAME = "keraseq"
_DAMAGED = "move the folder away to start anew, or restore it; its trial folders can still be loaded one by one"


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
        self.plan = Plan(**data["plan"])
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
        minimise, maximise = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE
        score = maximise if task["direction"] == "max" else minimise
        directions = [score if objective == "score" else minimise for objective in plan.objectives]
        with readable(path), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of names of objectives
            made = optuna.create_study(study_name=NAME, storage=_storage(path), directions=directions)
            made.set_metric_names(list(plan.objectives))
        write_json(path / "study.json", {"format": FORMAT, "plan": plan.to_json(), "task": dict(task)})
        return cls(path)

    def attempts(self) -> dict[tuple[int, int], list[FrozenTrial]]:
        """Every launch of every trial, by index and replicate; one lost with its coordinator is launched again."""
        found: dict[tuple[int, int], list[FrozenTrial]] = {}
        for trial in self.trials():
            if "index" in trial.user_attrs:
                found.setdefault((trial.user_attrs["index"], trial.user_attrs["replicate"]), []).append(trial)
        return found

    def trials(self) -> list[FrozenTrial]:
        """Optuna's trials, each a launch, in the order of their launches."""
        with readable(self.path):
            return self.optuna.get_trials(deepcopy=False)

    def elapsed(self) -> float:
        """Seconds spent on the study so far."""
        return max((end_of(trial).get("elapsed", 0.0) for trial in self.trials()), default=0.0)

    def all_records(self) -> list[Record]:
        """Everything that ended: trials of the search, and those on fresh seeds."""
        found = {key: record_of(launches[-1]) for key, launches in sorted(self.attempts().items())}
        return [record for record in found.values() if record is not None]

    def records(self) -> list[Record]:
        """The trials of the search that ended, by index."""
        return [record for record in self.all_records() if not record.replicate]

    def winner(self, family: str | None = None) -> Record | None:
        """The trial of the search with the best validation score, of one family or of all."""
        return best([r for r in self.records() if family in (None, r.family)], self.task["direction"])

    def leaderboard(self) -> list[Row]:
        """One row a family, the best first."""
        ended, metric = self.all_records(), self.task["metric"]
        return leaderboard(
            families=list(self.plan.models),
            records=[record for record in ended if not record.replicate],
            replicates=[record for record in ended if record.replicate],
            tests={name: scores[metric] for name, scores in self.test_scores().items()},
            direction=self.task["direction"],
        )

    def front(self, objectives: Sequence[str] | None = None) -> list[Record]:
        """The Pareto front of the search: the trials that no other beats in everything.

        Args:
            objectives: names in `keraseq.tuning.plan.OBJECTIVES`; those of the study by default, or score and
                parameters where it has the score alone.
        """
        given = objectives or (self.plan.objectives if len(self.plan.objectives) > 1 else ("score", "parameters"))
        return front(self.records(), given, self.task["direction"])

    def test_scores(self) -> dict[str, dict[str, float]]:
        """Metrics on the test split, by the name of a trial; only finalists and winners of families have them."""
        with readable(self.path):
            attributes = self.optuna.user_attrs
        return {name.removeprefix("test/"): s for name, s in attributes.items() if name.startswith("test/")}

    def folder(self, index: int, replicate: int = 0) -> Path:
        """Where a trial keeps its files."""
        return self.path / "trials" / trial_name(index, replicate)

    def best(self) -> Predictor:
        """The best model, ready to predict on raw inputs.

        Raises:
            KeraseqError: no trial has completed yet.
        """
        from keraseq.inference.saved import load_model

        return load_model(self.path / "best")


def _storage(path: Path) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(f"sqlite:///{path.resolve() / 'study.db'}")


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
    old, new = study.plan.to_json(), plan.to_json()
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
