"""The coordinator: plans trials, runs them by an executor, records how they ended. It imports no TensorFlow."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, json_to_distribution
from optuna.trial import FrozenTrial, Trial

from keraseq.config import configure, settings_of
from keraseq.files import replacing, write_json
from keraseq.training.outcome import Outcome
from keraseq.training.settings import Training
from keraseq.tuning import finals, space
from keraseq.tuning.algorithms.base import Algorithm, Suggestion
from keraseq.tuning.budget import DEFAULT_TRIALS, Budget, Clock
from keraseq.tuning.executors.base import Executor, Handle
from keraseq.tuning.job import Job, TaskReference
from keraseq.tuning.ledger import Ledger
from keraseq.tuning.pruning import Pruning, first_rung
from keraseq.tuning.record import Record, end_of, is_settled, record_of
from keraseq.tuning.study import Study
from keraseq.tuning.view import Progress, View

TICK = 0.5  # seconds between looks at deadlines and memory
GRACE = 30.0  # seconds that a child told to stop has for validating and saving, beside half its limit


@dataclass(frozen=True)
class Launch:
    """What to run next.

    Attributes:
        index: place in the search.
        replicate: 0 for a trial of the search, otherwise which fresh seed.
        suggestion: what to try.
        before: an earlier launch with the same settings, if there is one.
        halved: whether batches have half their size, because whole ones did not fit.
    """

    index: int
    replicate: int
    suggestion: Suggestion
    before: FrozenTrial | None = None
    halved: bool = False


@dataclass
class Running:
    """A trial that runs."""

    launch: Launch
    trial: Trial
    handle: Handle
    limit: float | None  # seconds after which it is asked to stop
    epochs: int  # that it may take
    stopping: bool = False
    parameters: int | None = None
    epoch: int = 0
    score: float | None = None
    first_epoch: float | None = None


class Coordinator:
    """Runs one study to the end of its budget. Every step is in storage before the next begins.

    Args:
        study: locked by the caller.
        algorithm: new; it is told what the study knows.
        budget: how much may be spent, by this call and those before it.
        executor: runs the trials.
        home: runs what stays on this machine: scoring on test.
        view: shows what happens.
        hypermodel: a `kt.HyperModel` to search instead of registered families.
        began: `time.monotonic()` at which the search began.
        tensorboard: whether trials write scalars for TensorBoard.
    """

    def __init__(
        self,
        study: Study,
        algorithm: Algorithm,
        budget: Budget,
        executor: Executor,
        home: Executor,
        view: View,
        hypermodel: Any = None,
        began: float | None = None,
        tensorboard: bool = False,
    ):
        self.study = study
        self.plan = study.plan
        self.algorithm = algorithm
        self.budget = budget
        self.executor = executor
        self.home = home
        self.view = view
        self.hypermodel = hypermodel
        self.tensorboard = tensorboard
        self.running: list[Running] = []
        self.records: list[Record] = []
        self.task = TaskReference(**self.plan.task)
        self.epochs = configure(Training, self.plan.training, "training").epochs
        self.pruning = Pruning(self.plan.pruning, self.epochs)
        self.ledger = Ledger(study)
        rung = first_rung(self.plan.pruning, self.epochs)
        began = time.monotonic() if began is None else began
        self.clock = Clock(study, budget, executor.workers, began, rung)
        self._again: dict[tuple[int, int], FrozenTrial] = {}  # trials that have to run again: their last launch
        self._begun = 0  # trials of the search that were launched, whatever became of them
        self._known: set[int] = set()  # those of them that the algorithm and the pruning know of

    def run(self) -> None:
        """Trials until the budget is spent, the finals, then the test scores of the winners and the best model."""
        self._recall()
        try:
            self._drive(self._next)
            self._drive(self._next_final)
        finally:
            for running in list(self.running):
                self._end(running, {"outcome": Outcome.INTERRUPTED, "seconds": running.handle.seconds})
        finals.keep_best(self.study)
        finals.test_winners(self.study, self.home, self._show)
        self._show()

    def _recall(self) -> None:
        """Tells the algorithm and the pruning what earlier calls came to, and finds what has to run again."""
        self.ledger.release()
        attempts = self.study.attempts()
        self._begun = len({index for index, _ in attempts})
        self._again = {key: launches[-1] for key, launches in attempts.items() if not is_settled(launches[-1])}
        self.records = self.study.all_records()
        for trial, ended in self.ledger.history():
            index, family = trial.user_attrs["index"], trial.user_attrs["family"]
            if ended:
                for epoch, score in sorted(trial.intermediate_values.items()):
                    self.pruning.report(index, epoch, self.ledger.loss(score))
                self._told(index, trial)
            else:
                self._begin(index, Suggestion(family, trial.params, trial.user_attrs["epochs_allowed"]))

    def _begin(self, index: int, suggestion: Suggestion, asked: bool = False) -> None:
        if index not in self._known:
            self._known.add(index)
            self.pruning.begin(index, suggestion.family)
            if not asked:
                self.algorithm.begin(index, suggestion)

    def _told(self, index: int, trial: FrozenTrial) -> None:
        ended = self.ledger.ended(trial)
        self.pruning.end(index, ended.pruned is not None)
        self.algorithm.tell(index, ended)

    def _drive(self, following: Callable[[], Launch | None]) -> None:
        """Runs what `following` gives until it gives nothing more and all has ended."""
        while True:
            while len(self.running) < self.executor.workers and (launch := following()) is not None:
                self._launch(launch)
            self._show()
            if not self.running:
                return
            self._wait()

    def _next(self) -> Launch | None:
        """The next trial of the search, or None when the budget is spent or nothing new is left to try."""
        searched = [record for record in self.records if not record.replicate]
        if self.clock.left() <= 0 or self._hopeless(searched):
            return None
        for (index, replicate), before in self._again.items():
            if not replicate and (self.budget.trials is None or index < self.budget.trials):
                return self._repeated(index, replicate, before) if self._fits(before.user_attrs["family"]) else None
        index = self._begun
        if self.budget.trials is not None and index >= self.budget.trials:
            return None
        queue = self.algorithm.problem.queue
        queued = index < len(queue)
        suggestion = queue[index] if queued else self.algorithm.ask(index)
        if suggestion is None or not self._fits(suggestion.family):
            return None
        self._begin(index, suggestion, asked=not queued)
        return Launch(index, 0, suggestion)

    def _repeated(self, index: int, replicate: int, before: FrozenTrial) -> Launch:
        """The same trial once more."""
        del self._again[index, replicate]
        told = before.user_attrs
        suggestion = Suggestion(told["family"], before.params, told["epochs_allowed"])
        if not replicate:
            self._begin(index, suggestion)
        return Launch(index, replicate, suggestion, before, told["halved"] or end_of(before).get("halve", False))

    def _next_final(self) -> Launch | None:
        """The next run of a finalist on a fresh seed."""
        taken = {(running.launch.index, running.launch.replicate) for running in self.running}
        for record, replicate in finals.missing(self.records, self.plan, self.study.task["direction"]):
            key = record.index, replicate
            if key in taken or self.clock.left(finals=True) < record.seconds:
                continue
            if key in self._again:
                return self._repeated(*key, self._again[key])
            before = self.study.attempts()[record.index, 0][-1]
            told = before.user_attrs
            suggestion = Suggestion(record.family, before.params, told["epochs_allowed"])
            return Launch(*key, suggestion, before, told["halved"])
        return None

    def _fits(self, family: str) -> bool:
        return self.clock.allows([record for record in self.records if record.family == family])

    def _hopeless(self, searched: list[Record]) -> bool:
        """Whether nothing but time would end a search in which every trial fails."""
        return (
            self.budget.trials is None
            and len(searched) >= 2 * len(self.plan.models)
            and all(record.score is None for record in searched)
        )

    def _launch(self, launch: Launch) -> None:
        plan, suggestion = self.plan, launch.suggestion
        seed = plan.seed + launch.replicate
        where = launch.before.distributions if launch.before else self.algorithm.problem.spaces[suggestion.family]
        told = {"index": launch.index, "replicate": launch.replicate, "seed": seed, "halved": launch.halved}
        self._begun = max(self._begun, launch.index + 1)
        trial = self.ledger.begin(suggestion, where, told)
        folder = self.study.folder(launch.index, launch.replicate)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        given = suggestion.params if self.hypermodel is None else {}  # a hypermodel will ask for its own
        config, training, task = space.split({**plan.fixed, **given}, suggestion.family)
        training = {**plan.training, **training}
        if suggestion.epochs is not None:
            training["epochs"] = suggestion.epochs
        if launch.halved:
            size = {**self.task.settings, **task}["batch_size"]
            task["batch_size"], training["accumulate"] = size // 2, 2 * training.get("accumulate", 1)
        job = Job(
            task=TaskReference(self.task.name, {**self.task.settings, **task}, self.task.data_dir),
            family=suggestion.family,
            config=config,
            training=training,
            match=plan.match,
            max_parameters=plan.max_parameters,
            strategy=plan.strategy,
            seed=seed,
            folder=str(folder),
            fidelity=plan.fidelity,
            latency="latency" in plan.objectives,
            tensorboard=self.tensorboard,
            width=self._width(launch),
        )
        write_json(folder / "job.json", {**settings_of(job), "task": settings_of(job.task)})
        work = ("train", job) if self.hypermodel is None else ("train_hypermodel", job, self.hypermodel)
        handle = self.executor.start(*work, memory=self.budget.memory)
        limit = self.clock.limit(self._waiting(launch), finals=launch.replicate > 0)
        self.running.append(Running(launch, trial, handle, limit, training.get("epochs", self.epochs)))

    def _width(self, launch: Launch) -> int | None:
        """The width that was solved for in the trial of which this launch is a run on a fresh seed."""
        if not launch.replicate:
            return None
        found: int | None = end_of(self.study.attempts()[launch.index, 0][-1]).get("width")
        return found

    def _waiting(self, launch: Launch) -> int:
        """How many trials share what time is left with this one, itself included."""
        if launch.replicate:
            return len(finals.missing(self.records, self.plan, self.study.task["direction"]))
        trials = self.budget.trials or DEFAULT_TRIALS * sum(self.plan.models.values())
        return max(1, trials - sum(not record.replicate for record in self.records))

    def _wait(self) -> None:
        ready = self.executor.ready([running.handle for running in self.running], TICK)
        for running in [running for running in self.running if running.handle in ready]:
            self._hear(running, *running.handle.hear())
        for running in list(self.running):
            self._watch(running)

    def _hear(self, running: Running, kind: str, facts: dict[str, Any]) -> None:
        if kind == "ready":
            running.parameters = facts["parameters"]
        elif kind == "epoch":
            self._epoch(running, facts)
        elif kind == "ask":
            running.handle.tell("value", _suggest(running.trial, facts["name"], facts["distribution"]))
        elif kind == "end":
            self._end(running, facts)

    def _epoch(self, running: Running, facts: Mapping[str, Any]) -> None:
        """Notes an epoch, and answers whether the trial goes on."""
        running.epoch = facts["epoch"]
        running.first_epoch = running.first_epoch or running.handle.seconds
        score = facts.get(f"val_{self.study.task['metric']}")
        stop = False
        if score is not None and isfinite(score):
            running.score = score
            self.ledger.report(running.trial, running.epoch, score)
            if not running.launch.replicate:
                worse = self.pruning.report(running.launch.index, running.epoch, self.ledger.loss(score))
                stop = worse and running.epoch < running.epochs
        running.handle.tell(*(("stop", Outcome.PRUNED.value) if stop else ("go", None)))

    def _watch(self, running: Running) -> None:
        """Stops a child whose time is up; kills one that does not stop, or that takes too much memory."""
        handle = running.handle
        if handle.exceeds_memory():
            handle.kill(Outcome.OUT_OF_MEMORY)
        elif running.limit is not None and handle.seconds > running.limit:
            if not running.stopping:
                running.stopping = True
                handle.tell("stop", Outcome.COMPLETED.value)
            elif handle.seconds > 1.5 * running.limit + GRACE:
                handle.kill(Outcome.TIMED_OUT)

    def _end(self, running: Running, facts: Mapping[str, Any]) -> None:
        """Notes an end, and tells whoever learns from it; a trial that has to run again is kept for that."""
        launch = running.launch
        self.running.remove(running)
        running.handle.close()
        known = {"parameters": running.parameters, "epochs": running.epoch, "first_epoch": running.first_epoch}
        facts = {**known, **facts}
        if trace := facts.pop("traceback", None):
            folder = self.study.folder(launch.index, launch.replicate)
            with replacing(folder / "traceback.txt") as temporary:
                temporary.write_text(trace, encoding="utf-8")
        self.ledger.end(running.trial, facts, self.clock.elapsed)
        trial = self.study.attempts()[launch.index, launch.replicate][-1]
        record = record_of(trial)
        if record is None:
            self._again[launch.index, launch.replicate] = trial
            return
        self.records.append(record)
        if not launch.replicate:
            self._told(launch.index, trial)
        self.view.ended(record)

    def _show(self) -> None:
        self.view.update(Progress(self.study, self.records, self.running, self.clock, self.executor.workers))


def _suggest(trial: Trial, name: str, distribution: str) -> Any:
    match json_to_distribution(distribution):
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_int(name, low, high, log=log, step=step)
        case FloatDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_float(name, low, high, log=log, step=step)
        case other:
            raise TypeError(f"no way to sample {other}")
