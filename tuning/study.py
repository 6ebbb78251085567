"""A study on disk: what is searched, its trials, its winners.

study.json          what is searched, and what the task said of itself (written once)
study.db            Optuna's storage; the coordinator is its only writer
study.lock          held by the coordinator
trials/0007/        job.json, history.jsonl, model.keras, card.json, traceback.txt; 0007-1 on the first fresh seed
best/               model.keras and card.json of the best trial
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import optuna
import sqlalchemy.exc
from optuna.trial import FrozenTrial

from keraseq.errors import KeraseqError, UsageError
from keraseq.files import make_folder, read_json, write_json
from keraseq.registry import models
from keraseq.tuning.job import Job, TaskReference
from keraseq.tuning.plan import Plan
from keraseq.tuning.record import Record, end_of, record_of, trial_name, trial_place
from keraseq.tuning.results.importance import Importance, importance
from keraseq.tuning.results.leaderboard import Row, best, leaderboard
from keraseq.tuning.results.pareto import front

if TYPE_CHECKING:
    import keras

    from keraseq.inference.saved import Predictor
    from keraseq.tasks import Task

FORMAT = 2
NAME = "keraseq"
LOOK = 0.2  # seconds, far more than `holder` takes
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
        return front(self.records(), objectives or self.plan.fronted, self.task["direction"])

    def importance(self) -> list[Importance]:
        """How much each setting matters to the score, family by family: see `keraseq.tuning.results.importance`."""
        own = [launches[-1] for (_, replicate), launches in sorted(self.attempts().items()) if not replicate]
        return [
            importance(family, [t for t in own if t.user_attrs["family"] == family], self.task["direction"])
            for family in self.plan.models
        ]

    def test_scores(self) -> dict[str, dict[str, float]]:
        """Metrics on the test split, by the name of a trial; only finalists and winners of families have them."""
        with readable(self.path):
            attributes = self.optuna.user_attrs
        return {name.removeprefix("test/"): s for name, s in attributes.items() if name.startswith("test/")}

    def folder(self, index: int, replicate: int = 0) -> Path:
        """Where a trial keeps its files."""
        return self.path / "trials" / trial_name(index, replicate)

    @property
    def url(self) -> str:
        """Of Optuna's storage, for Optuna's other tools."""
        return _url(self.path)

    def launch(self, index: int, replicate: int = 0) -> FrozenTrial:
        """The last launch of a trial, whether it has ended or not.

        Raises:
            UsageError: there is no such trial.
        """
        attempts = self.attempts()
        if (index, replicate) not in attempts:
            again = sorted(again for other, again in attempts if other == index and again)
            if (index, 0) in attempts:
                wanted = f"its fresh seeds are {', '.join(map(str, again))}" if again else "it has no fresh seeds"
            else:
                last = max((other for other, _ in attempts), default=None)
                wanted = "none has begun yet" if last is None else f"they go from 0 to {last}"
            raise UsageError(f"no trial {trial_name(index, replicate)} in {self.path}: {wanted}")
        return attempts[index, replicate][-1]

    def history(self, index: int, replicate: int = 0) -> list[dict[str, float]]:
        """Loss and metrics of a trial, epoch by epoch, as far as it has come."""
        file = self.folder(index, replicate) / "history.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.is_file() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]  # the last may be half written

    def job(self, index: int, replicate: int = 0) -> Job:
        """What a trial was asked to do; its config is complete, with the width solved for, where it saved a model.

        Raises:
            UsageError: there is no such trial.
            KeraseqError: its folder is damaged.
        """
        self.launch(index, replicate)
        folder = self.folder(index, replicate)
        asked = read_json(folder / "job.json", "restore the folder, or let another search train it again")
        job = Job(**{**asked, "task": TaskReference(**asked["task"]), "folder": str(folder)})
        if not (folder / "card.json").is_file():
            return job
        card = read_json(folder / "card.json", "restore the folder, or let another search train it again")
        return dataclasses.replace(job, config=card["model"]["config"], match={})

    def rebuild(self, index: int, replicate: int = 0) -> tuple[keras.Model, Task]:
        """The model of a trial as it was before training, and its task; `fit` then trains it as the trial did.

        Raises:
            UsageError: there is no such trial, or a hypermodel built it.
            KeraseqError: its folder is damaged, or the data are missing.

        Example:
            >>> model, task = study.rebuild(7)                                             # doctest: +SKIP
            >>> job = study.job(7)                                                         # doctest: +SKIP
            >>> fit(model, task, seed=job.seed, strategy=job.strategy, **job.training)     # doctest: +SKIP
        """
        job = self.job(index, replicate)
        check_family(job)

        from keraseq.models import create_model
        from keraseq.tasks import load_task
        from keraseq.tuning.matching import matched

        task = load_task(job.task.name, data_dir=job.task.data_dir, **job.task.settings)
        family = matched(job.family, task, job.match, job.config)
        return create_model(job.family, task, seed=job.seed, **family.settings()), task

    def load(self, index: int, replicate: int = 0) -> Predictor:
        """The trained model of a trial, ready to predict on raw inputs.

        Raises:
            UsageError: there is no such trial.
            KeraseqError: it saved no model.
        """
        from keraseq.inference.saved import load_model

        self.launch(index, replicate)
        return load_model(self.folder(index, replicate))

    def best(self) -> Predictor:
        """The best model, ready to predict on raw inputs.

        Raises:
            KeraseqError: no trial has completed yet.
        """
        from keraseq.inference.saved import load_model

        return load_model(self.path / "best")


def _storage(path: Path) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(_url(path))


def _url(path: Path) -> str:
    return f"sqlite:///{path.resolve() / 'study.db'}"


def check_family(job: Job) -> None:
    """Raises UsageError where the model of a trial cannot be built by its name."""
    if job.family not in models.names():
        raise UsageError(
            f"{job.folder} is of {job.family}, which is no registered family: what a hypermodel built cannot be built "
            f"again by name; use the trained model: keraseq predict {job.folder}"
        )


def locate(path: str | Path) -> tuple[Study, int, int]:
    """A trial by its path: `STUDY/trials/0007`, `STUDY/7`, `STUDY/7-2`, or `STUDY` for the best trial of the search.

    Returns:
        the study, and index and replicate of the trial.

    Raises:
        UsageError: there is no such trial.
        KeraseqError: there is no study, it is damaged, or none of its trials has a score.
    """
    path = Path(path)
    if (path / "study.json").is_file():
        study = Study(path)
        winner = study.winner()
        if winner is None:
            raise KeraseqError(f"no trial in {path} has a score yet; name a trial: {path / '0'}")
        return study, winner.index, 0
    folder = path.parent.parent if path.parent.name == "trials" else path.parent
    if not (folder / "study.json").is_file():
        raise KeraseqError(f"no study in {folder}: a trial is STUDY/7 or STUDY/trials/0007; got {str(path)!r}")
    index, replicate = trial_place(path.name)
    study = Study(folder)
    study.launch(index, replicate)
    return study, index, replicate


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
def locked(path: Path, file: str = "study.lock", owner: str = "search") -> Iterator[None]:
    """Holds the study, or other work, in a folder for one process; the lock ends with the process, however that ends.

    Args:
        path: the folder.
        file: that is locked in it.
        owner: what holds it, for the message.

    Raises:
        KeraseqError: another process holds it.
    """
    with (make_folder(path) / file).open("a+", encoding="utf-8") as lock:
        try:
            if not _take(lock, fcntl.LOCK_EX):
                time.sleep(LOOK)  # it may only have been looked at by `holder`
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise KeraseqError(
                f"{path} is in use by another {owner} (process {holder}); wait for it or choose another directory"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def holder(path: Path) -> str | None:
    """The process whose search holds the study in `path` now, or None; a search is not disturbed by the question."""
    file = path / "study.lock"
    if not file.is_file():
        return None
    with file.open(encoding="utf-8") as lock:
        return None if _take(lock, fcntl.LOCK_SH) else lock.read().strip() or "unknown"


def _take(file: TextIO, kind: int) -> bool:
    """Whether the lock could be had; it is kept until the file is closed."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
        causes = [str(one) for one in (error, error.__cause__, error.__context__) if one is not None]
        cause = (causes[-1].splitlines() or [""])[0]
        full = any("full" in one or "disk I/O" in one for one in causes)
        remedy = "free some space on its disk; the same command goes on" if full else _DAMAGED
        raise KeraseqError(f"{path / 'study.db'} cannot be used ({cause}); {remedy}") from error
    except RuntimeError as error:  # Optuna: the schema is of another version
        raise KeraseqError(f"{path / 'study.db'} cannot be used ({error}); {_DAMAGED}") from error
