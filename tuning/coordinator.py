"""The coordinator: plans trials, runs them in children, records how they ended. It imports no TensorFlow."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Protocol

import numpy as np
import optuna
import psutil
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, json_to_distribution
from optuna.trial import TrialState

from keraseq.config import settings_of
from keraseq.errors import KeraseqError
from keraseq.files import replacing, write_json
from keraseq.models import outputs
from keraseq.registry import algorithms
from keraseq.training.outcome import Outcome
from keraseq.tuning import space
from keraseq.tuning.executor import Child, call
from keraseq.tuning.job import Job, TaskReference
from keraseq.tuning.study import Record, Study, readable

TICK = 0.5  # seconds between looks at deadlines and memory
GRACE = 30.0  # seconds that a child told to stop has for validating and saving, beside half its limit
TEST_SHARE = 0.1  # of a time budget, kept for scoring the winners on test
DEFAULT_TRIALS = 4  # a turn, where nobody says how many
LAUNCHES = 2  # of one trial at most, where its coordinator died with it


@dataclass(frozen=True)
class Budget:
    """How much may be spent.

    Attributes:
        trials: that end, or None for as many as the time allows.
        seconds: of the whole search, or None.
        trial_seconds: of one trial, which is then scored as it stands; None for an equal share of the time.
        memory: bytes of resident memory of a child.
    """

    trials: int | None
    seconds: float | None
    trial_seconds: float | None
    memory: int


@dataclass
class Running:
    """A trial in a child."""

    index: int
    family: str
    trial: optuna.trial.Trial
    child: Child
    limit: float | None  # seconds after which it is asked to stop
    stopping: bool = False
    parameters: int | None = None
    epoch: int = 0
    score: float | None = None


class View(Protocol):
    """Shows a search as it goes."""

    def update(self, study: Study, running: list[Running], elapsed: float) -> None:
        """Something has happened, or half a second has passed."""

    def ended(self, record: Record) -> None:
        """A trial has ended."""


class Coordinator:
    """Runs one study to the end of its budget. Every step is in storage before the next begins.

    Args:
        study: locked by the caller.
        budget: how much may be spent, by this call and those before it.
        workers: children at once.
        view: shows what happens.
        hypermodel: a `kt.HyperModel` to search instead of registered families.
        started: `time.monotonic()` at which the search began.
    """

    def __init__(
        self,
        study: Study,
        budget: Budget,
        workers: int,
        view: View,
        hypermodel: Any = None,
        started: float | None = None,
    ):
        self.study = study
        self.budget = budget
        self.workers = workers
        self.view = view
        self.hypermodel = hypermodel
        self.running: list[Running] = []
        self.task = TaskReference(**study.plan.task)
        self.algorithm: Callable[[int], optuna.samplers.BaseSampler] = algorithms.get(study.plan.algorithm)
        self._began = time.monotonic() if started is None else started
        self._before: float = study.optuna.user_attrs.get("elapsed", 0.0)

    @property
    def elapsed(self) -> float:
        """Seconds spent on this study, those of earlier calls included."""
        return self._before + time.monotonic() - self._began

    def run(self) -> None:
        """Trials until the budget is spent, then the test scores of the winners and the best model."""
        self._release()
        try:
            while True:
                while len(self.running) < self.workers and (index := self._next()) is not None:
                    self._launch(index)
                self.view.update(self.study, self.running, self.elapsed)
                if not self.running:
                    break
                self._wait()
        finally:
            for running in list(self.running):
                self._end(running, {"outcome": Outcome.INTERRUPTED, "seconds": running.child.seconds})
        self._keep_best()
        self._test_winners()
        self.view.update(self.study, self.running, self.elapsed)

    def _release(self) -> None:
        """Ends what a dead coordinator left: to be launched again, but not if it went down with it time and again."""
        with readable(self.study.path):
            while any(trial.state is TrialState.WAITING for trial in self.study.optuna.get_trials(deepcopy=False)):
                self.study.optuna.ask()
            attempts = self.study.attempts()
            for trial in self.study.optuna.get_trials(deepcopy=False):
                if trial.state is TrialState.RUNNING:
                    self._lost(trial, attempts.get(trial.user_attrs.get("index", -1), []))

    def _lost(self, trial: optuna.trial.FrozenTrial, attempts: list[optuna.trial.FrozenTrial]) -> None:
        """Ends a trial that went down with its coordinator, whatever was written of its end already."""
        running = optuna.trial.Trial(self.study.optuna, trial._trial_id)
        running.set_user_attr("lost", "launched" in trial.user_attrs)
        times = sum(attempt.user_attrs.get("lost", False) for attempt in attempts) + ("launched" in trial.user_attrs)
        if times >= LAUNCHES:
            running.set_user_attr("message", f"its search was killed while it ran, {times} times")
        running.set_user_attr("outcome", Outcome.KILLED if times >= LAUNCHES else Outcome.INTERRUPTED)
        self.study.optuna.tell(trial.number, state=TrialState.FAIL)

    def _next(self) -> int | None:
        """The index of the next trial to launch, or None when the budget is spent."""
        if self._time_is_up() or self._hopeless():
            return None
        attempts = self.study.attempts()
        taken = {running.index for running in self.running}
        taken |= {index for index, trials in attempts.items() if _is_settled(trials)}
        index = next(i for i in range(len(taken) + 1) if i not in taken)
        return index if self.budget.trials is None or index < self.budget.trials else None

    def _time_is_up(self) -> bool:
        if self.budget.seconds is None:
            return False
        ended = [record.seconds for record in self.study.records()]
        return self._time_left() <= (0.25 * float(np.median(ended)) if ended else 0.0)

    def _hopeless(self) -> bool:
        """Whether nothing but time would end a search in which every trial fails."""
        records = self.study.records()
        return (
            self.budget.trials is None
            and len(records) >= 2 * len(self.study.plan.models)
            and all(record.score is None for record in records)
        )

    def _time_left(self) -> float:
        """Seconds left for training."""
        return math.inf if self.budget.seconds is None else self.budget.seconds * (1 - TEST_SHARE) - self.elapsed

    def _limit(self) -> float | None:
        """Seconds that the next trial may take: an equal share of what is left, or what was asked for."""
        limits = [self.budget.trial_seconds] if self.budget.trial_seconds else []
        if self.budget.seconds is not None:
            trials = self.budget.trials or DEFAULT_TRIALS * len(self.study.plan.models)
            rounds = math.ceil(max(1, trials - len(self.study.records())) / self.workers)
            limits.append(max(1.0, self._time_left() / rounds))
        return min(limits, default=None)

    def _launch(self, index: int) -> None:
        plan = self.study.plan
        family = plan.models[index % len(plan.models)]
        attributes = {"index": index, "family": family}
        with readable(self.study.path):
            if self.hypermodel is not None:
                self.study.optuna.sampler = self.algorithm(_seed(plan.seed, index))
                self.study.optuna.enqueue_trial({}, user_attrs=attributes)
                trial = self.study.optuna.ask()
            else:
                named = self._searched(family)
                params = self._params(index, family)
                self.study.optuna.enqueue_trial(params, user_attrs=attributes)
                trial = self.study.optuna.ask(space.space(named))
        config, training = space.split(trial.params, family)
        folder = self.study.folder(index)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        job = Job(
            task=self.task,
            family=family,
            config=config,
            training={**plan.training, **training},
            parameters=plan.parameters,
            max_parameters=plan.max_parameters,
            strategy=plan.strategy,
            seed=plan.seed,
            folder=str(folder),
        )
        write_json(folder / "job.json", {**settings_of(job), "task": settings_of(self.task)})
        trial.set_user_attr("launched", True)
        if self.hypermodel is None:
            child = Child("train", job, memory=self.budget.memory)
        else:
            child = Child("train_hypermodel", job, self.hypermodel, memory=self.budget.memory)
        self.running.append(Running(index, family, trial, child, self._limit()))

    def _searched(self, family: str) -> dict[str, Any]:
        plan = self.study.plan
        output = outputs.from_json(self.study.task["output"])
        return {**space.searched(family, output, plan.parameters), **space.searched_training(plan.training)}

    def _params(self, index: int, family: str) -> dict[str, Any]:
        """What to try: a lost trial again as it was, a family's first trial at its defaults, otherwise as sampled."""
        attempts, named, plan = self.study.attempts(), self._searched(family), self.study.plan
        if index in attempts and attempts[index][-1].params.keys() == named.keys():
            return attempts[index][-1].params
        if family not in plan.models[:index] and index < len(plan.models):
            return space.defaults(named)
        history = [t for trials in attempts.values() for t in trials if t.user_attrs["family"] == family]
        direction = self.study.optuna.direction
        return space.suggest(self.algorithm, space.space(named), history, direction, _seed(plan.seed, index))

    def _wait(self) -> None:
        ready = wait([running.child.connection for running in self.running], timeout=TICK)
        for running in [running for running in self.running if running.child.connection in ready]:
            try:
                kind, facts = running.child.connection.recv()
            except (EOFError, OSError):
                kind, facts = "end", running.child.died()
            self._hear(running, kind, facts)
        for running in list(self.running):
            self._watch(running)

    def _hear(self, running: Running, kind: str, facts: dict[str, Any]) -> None:
        if kind == "ready":
            running.parameters = facts["parameters"]
        elif kind == "epoch":
            running.epoch = facts["epoch"]
            running.score = facts.get(f"val_{self.study.task['metric']}")
        elif kind == "ask":
            running.child.answer(_suggest(running.trial, facts["name"], facts["distribution"]))
        elif kind == "end":
            self._end(running, facts)

    def _watch(self, running: Running) -> None:
        """Stops a child whose time is up; kills one that does not stop, or that takes too much memory."""
        child = running.child
        if child.exceeds_memory():
            child.kill(Outcome.OUT_OF_MEMORY)
        elif running.limit is not None and child.seconds > running.limit:
            if not running.stopping:
                running.stopping = True
                child.stop(Outcome.COMPLETED)
            elif child.seconds > 1.5 * running.limit + GRACE:
                child.kill(Outcome.TIMED_OUT)

    def _end(self, running: Running, facts: Mapping[str, Any]) -> None:
        """Records an end: first all that is known of it, then the state that makes it final."""
        self.running.remove(running)
        running.child.close()
        facts = dict(facts)
        if trace := facts.pop("traceback", None):
            with replacing(self.study.folder(running.index) / "traceback.txt") as temporary:
                temporary.write_text(trace, encoding="utf-8")
        score = facts.pop("score", None)
        facts.setdefault("parameters", running.parameters)
        facts.setdefault("epochs", running.epoch)
        with readable(self.study.path):
            for name, value in facts.items():
                running.trial.set_user_attr(name, value)
            self.study.optuna.set_user_attr("elapsed", self.elapsed)
            if score is None or not math.isfinite(score):
                self.study.optuna.tell(running.trial, state=TrialState.FAIL)
            else:
                self.study.optuna.tell(running.trial, score)
        for record in self.study.records():
            if record.index == running.index:
                self.view.ended(record)

    def _test_winners(self) -> None:
        """Scores the winner of each family on test, once."""
        failures = []
        for family in dict.fromkeys(self.study.plan.models):
            winner = self.study.winner(family)
            if winner is None or winner.index in self.study.test_scores():
                continue
            end = call("evaluate", self.task, str(self.study.folder(winner.index)))
            if end["outcome"] == Outcome.COMPLETED:
                with readable(self.study.path):
                    self.study.optuna.set_user_attr(f"test/{winner.index}", end["scores"])
            else:
                failures.append(f"trial {winner.index} ({family}) {end['outcome']}: {end['message']}")
            self.view.update(self.study, self.running, self.elapsed)
        if failures:
            raise KeraseqError(f"scoring on test, {'; '.join(failures)}; the same search tries again")

    def _keep_best(self) -> None:
        """Copies the best trial's model to `best/`, the card, which holds the model's hash, last."""
        winner = self.study.winner()
        if winner is None:
            return
        best = self.study.path / "best"
        best.mkdir(exist_ok=True)
        for name in ("model.keras", "card.json"):
            with replacing(best / name) as temporary:
                shutil.copyfile(self.study.folder(winner.index) / name, temporary)
        with readable(self.study.path):
            self.study.optuna.set_user_attr("elapsed", self.elapsed)


def default_memory(workers: int) -> int:
    """Bytes that a child may take: nine tenths of what is free, shared by the children."""
    return int(psutil.virtual_memory().available * 0.9 / workers)


def _is_settled(trials: list[optuna.trial.FrozenTrial]) -> bool:
    """Whether a trial ended for good; one that was interrupted runs again."""
    return trials[-1].user_attrs.get("outcome", Outcome.INTERRUPTED) != Outcome.INTERRUPTED


def _seed(seed: int, index: int) -> int:
    """Seeds of neighbouring trials and studies lie far apart."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def _suggest(trial: optuna.trial.Trial, name: str, distribution: str) -> Any:
    match json_to_distribution(distribution):
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_int(name, low, high, log=log, step=step)
        case FloatDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_float(name, low, high, log=log, step=step)
        case other:
            raise TypeError(f"no way to sample {other}")
