"""What runs in a child process: prepare a task, train a trial, score a winner. The coordinator hears of it by a pipe.

A child sends `(kind, facts)`: `ready` when the model is built, `epoch` after each, `ask` for a hyperparameter (and is
answered with `value`), `end` once. Every epoch is answered with `go` or with `stop` and the outcome to end in; a `stop`
may also come at any time.
"""

from __future__ import annotations

import contextlib
import os
import pkgutil
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from keraseq.quiet import quiet_imports

with quiet_imports():
    import keras
    import keras_tuner as kt
    import numpy as np
    import tensorflow as tf

from optuna.distributions import BaseDistribution, distribution_to_json

from keraseq.config import configure, settings_of
from keraseq.diagnostics.steps import steps_time, timed
from keraseq.errors import KeraseqError, UsageError
from keraseq.inference.saved import load_model, save_model
from keraseq.inference.score import score
from keraseq.models import EncoderDecoder, Family, count_parameters, create_model
from keraseq.registry import strategies
from keraseq.tasks import Task, load_task
from keraseq.training.callbacks import Scalars, StopOnDivergence, best_on_validation
from keraseq.training.compiling import compiled
from keraseq.training.fit import fit
from keraseq.training.outcome import Outcome
from keraseq.training.settings import Training
from keraseq.tuning.fidelity import early
from keraseq.tuning.hyperparameters import AskingHyperParameters
from keraseq.tuning.job import Job, TaskReference
from keraseq.tuning.matching import matched, reached

STRETCH = 3  # steps after which memory no longer grows
ORPHANED = 3  # exit code of a child whose coordinator is gone


def confine(threads: int, place: int, of: int) -> None:
    """Keeps this process to some threads, and to every `of`-th GPU from `place` on."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    if len(gpus) >= of > 1:
        tf.config.set_visible_devices(gpus[place::of], "GPU")


def run(work: str, connection: Connection, *args: Any) -> None:
    """Does `work(connection, *args)` and sends its facts, or the outcome that its exception means, as the end.

    Args:
        work: name in `WORK`, or of a function elsewhere, `"package.module:function"`.
    """
    started = time.perf_counter()
    try:
        function = WORK[work] if work in WORK else pkgutil.resolve_name(work)
        facts = function(connection, *args)
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        facts = {"outcome": Outcome.OUT_OF_MEMORY, "message": _first_line(error)}
    except TooLargeError as error:
        facts = {"outcome": Outcome.TOO_LARGE, "parameters": error.size, "message": str(error)}
    except KeraseqError as error:
        facts = {"outcome": Outcome.FAILED, "message": str(error), "usage": isinstance(error, UsageError)}
    except Exception as error:  # noqa: BLE001 - the boundary of the process: every failure becomes an outcome
        facts = {
            "outcome": Outcome.FAILED,
            "message": f"{type(error).__name__}: {_first_line(error)}",
            "traceback": traceback.format_exc(),
        }
    _send(connection, "end", {**facts, "seconds": time.perf_counter() - started})


def prepare(connection: Connection, reference: TaskReference) -> dict[str, Any]:
    """Prepares and caches a task, and tells what it is."""
    return {"outcome": Outcome.COMPLETED, "summary": _load(reference).summary()}


def train(connection: Connection, job: Job) -> dict[str, Any]:
    """Builds the model of a trial, trains it, and saves the weights that did best on validation."""
    return trained(connection, job).facts


@dataclass(frozen=True)
class Trained:
    """A training that ended in a child.

    Attributes:
        facts: of its end, for the coordinator.
        task: what it was on.
        family: its configuration, with the width solved for.
        model: with the weights that did best on validation.
    """

    facts: dict[str, Any]
    task: Task
    family: Family | EncoderDecoder
    model: keras.Model


def trained(connection: Connection, job: Job) -> Trained:
    """Does what `train` does, and keeps what a caller in the same process may go on with."""
    task, given, family, model, took = built(connection, job)
    reporter = Reporter(connection)
    result = fit(
        model,
        task,
        seed=job.seed,
        strategy=job.strategy,
        callbacks=[reporter],
        directory=job.folder,
        checkpoint_seconds=None,
        tensorboard=job.tensorboard,
        progress=False,
        stages=early(job.fidelity, given["epochs"], job.task, task),
        **given,
    )
    diverged = result.outcome is Outcome.DIVERGED
    facts: dict[str, Any] = {
        "outcome": result.outcome if diverged else reporter.outcome or result.outcome,
        "score": result.score,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "jit_compile": result.jit_compile,
        "parameters": count_parameters(model),
        "build_seconds": took,
        "fit_seconds": result.seconds,
        "match": reached(model, task, job.match, given, job.strategy),
        "memory": peak_memory(),
    }
    if job.match:
        facts["width"] = family.channels
    if diverged:
        facts = {**facts, "score": None, "message": result.message}
    elif result.score is not None:
        if job.latency:
            facts["latency"] = latency(model, task)
        card = {
            "model": {"name": job.family, "config": family.settings()},
            "training": given,
            "seed": job.seed,
            "validation": {task.metric: result.score},
        }
        save_model(model, task, job.folder, card)
    return Trained(facts, task, family, model)


def rehearse(connection: Connection, job: Job) -> dict[str, Any]:
    """Builds the model of a trial, and measures some steps of its training; nothing is kept."""
    task, given, family, model, _ = built(connection, job)
    steps = steps_time(model, task, job.strategy, **given)
    facts: dict[str, Any] = {"match": reached(model, task, job.match, given, job.strategy)}
    return {
        **facts,
        "outcome": Outcome.COMPLETED,
        "parameters": count_parameters(model),
        "step": steps.train,
        "validation_step": steps.validation,
        "stepping": steps.seconds,
        "steps": task.steps("train"),
        "validation_steps": task.steps("validation"),
        "test_steps": task.steps("test"),
        "memory": peak_memory(),
        "receptive_field": getattr(family, "receptive_field", None),
    }


def stretch(connection: Connection, job: Job) -> dict[str, Any]:
    """Trains the model of a trial for some steps on the batch that has the most of them; nothing is kept."""
    task, given, _, model, _ = built(connection, job)
    training: Training = configure(Training, given, "training")
    batches = task.dataset("train", seed=job.seed, skip=task.heaviest(job.seed)).take(1).repeat(STRETCH)
    with strategies.get(job.strategy)():
        trained, watchers = compiled(model, task, training, STRETCH, jit_compile=False)
        trained.fit(batches, callbacks=watchers, shuffle=False, verbose=0)
    return {"outcome": Outcome.COMPLETED, "memory": peak_memory()}


def built(connection: Connection, job: Job) -> tuple[Task, dict[str, Any], Family | EncoderDecoder, keras.Model, float]:
    """Task, settings of training, configuration and model of a trial, and the seconds that building took.

    Raises:
        TooLargeError: the model is refused.
    """
    task = _load(job.task)
    began = time.perf_counter()
    given = settings_of(configure(Training, job.training, "training"))
    if job.width:
        family = matched(job.family, task, {}, job.config).with_width(job.width)
    else:
        family = matched(job.family, task, job.match, job.config, given, job.strategy)
    model = create_model(job.family, task, seed=job.seed, **family.settings())
    size = count_parameters(model)
    if job.max_parameters and size > job.max_parameters:
        raise TooLargeError(size, job.max_parameters)
    _send(connection, "ready", {"parameters": size})
    return task, given, family, model, time.perf_counter() - began


class TooLargeError(Exception):
    """A model has more parameters than are allowed."""

    def __init__(self, size: int, allowed: int):
        super().__init__(f"{size:,} parameters; at most {allowed:,} are allowed")
        self.size = size


def train_hypermodel(connection: Connection, job: Job, hypermodel: kt.HyperModel) -> dict[str, Any]:
    """Lets any `kt.HyperModel` build and fit on the task; its hyperparameters ask the coordinator."""
    task = _load(job.task)
    keras.utils.set_random_seed(job.seed)

    divergence, reporter = StopOnDivergence(), Reporter(connection)

    def ask(name: str, where: BaseDistribution) -> Any:
        _send(connection, "ask", {"name": name, "distribution": distribution_to_json(where)})
        while (answer := connection.recv())[0] == "stop":
            reporter.outcome = Outcome(answer[1])
        return answer[1]

    hp = AskingHyperParameters(ask)
    model = hypermodel.build(hp)
    size = count_parameters(model)
    _send(connection, "ready", {"parameters": size})
    settings: Training = configure(Training, job.training, "training")
    best = best_on_validation(task, settings)
    hypermodel.fit(
        hp,
        model,
        task.dataset("train", seed=job.seed),
        validation_data=task.validation,
        epochs=settings.epochs,
        callbacks=[divergence, reporter, best, *([Scalars(Path(job.folder))] if job.tensorboard else [])],
        shuffle=False,
        verbose=0,
    )
    facts: dict[str, Any] = {"parameters": size, "epochs": reporter.epochs, "memory": peak_memory()}
    if divergence.outcome is Outcome.DIVERGED:
        return {**facts, "outcome": Outcome.DIVERGED, "message": divergence.message}
    if best.best_weights is None:
        message = f"no epoch gave {task.objective}; compile the model with that metric"
        return {**facts, "outcome": Outcome.FAILED, "message": message}
    card = {
        "model": {"name": job.family, "config": dict(hp.values)},
        "seed": job.seed,
        "validation": {task.metric: float(best.best)},
    }
    save_model(model, task, job.folder, card)
    if job.latency:
        facts["latency"] = latency(model, task)
    return {
        **facts,
        "outcome": reporter.outcome or Outcome.COMPLETED,
        "score": float(best.best),
        "best_epoch": best.best_epoch + 1,
    }


def evaluate(connection: Connection, reference: TaskReference, folder: str) -> dict[str, Any]:
    """Scores the saved model of a folder on the test split."""
    task = _load(reference)
    model = load_model(folder).model
    model.compile(**task.measures)
    return {"outcome": Outcome.COMPLETED, "scores": score(model, task)}


WORK: Mapping[str, Callable[..., dict[str, Any]]] = {
    function.__name__: function for function in (prepare, train, rehearse, stretch, train_hypermodel, evaluate)
}


class Reporter(keras.callbacks.Callback):
    """Sends every epoch to the coordinator, and stops when told to or when the coordinator is gone."""

    def __init__(self, connection: Connection):
        super().__init__()
        self.connection = connection
        self.outcome: Outcome | None = None
        self.epochs = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        with _or_orphaned():
            while self.connection.poll():
                self._hear()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epochs = epoch + 1
        scores = {name: float(value) for name, value in (logs or {}).items()}
        _send(self.connection, "epoch", {"epoch": epoch + 1, **scores})
        with _or_orphaned():
            self._hear()

    def _hear(self) -> None:
        kind, outcome = self.connection.recv()
        if kind == "stop":
            self.outcome = Outcome(outcome)
        if self.outcome:
            self.model.stop_training = True


def latency(model: keras.Model, task: Task) -> float:
    """Milliseconds that the model takes for one sequence of the validation split: the median of some runs."""
    one = first_row(task)
    predict = tf.function(lambda x: model(x, training=False))
    return float(np.median(timed(lambda: predict(one))))


def first_row(task: Task) -> Any:
    """The inputs of a model for one sequence of the validation split, a batch of one row."""
    inputs = next(iter(task.validation))[0]
    return {name: value[:1] for name, value in inputs.items()} if isinstance(inputs, Mapping) else inputs[:1]


def peak_memory() -> int:
    """Most bytes of memory that this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextlib.contextmanager
def _or_orphaned() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        os._exit(ORPHANED)


def _load(reference: TaskReference) -> Task:
    return load_task(reference.name, data_dir=reference.data_dir, **reference.settings)


def _send(connection: Connection, kind: str, facts: dict[str, Any]) -> None:
    with _or_orphaned():
        connection.send((kind, facts))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]
