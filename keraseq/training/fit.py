"""`fit`: one model on one task."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from keraseq.config import check, configure
from keraseq.files import make_folder
from keraseq.inference.carried import Carried
from keraseq.layers.bidirectional import Bidirectional
from keraseq.layers.recurrent import Recurrent
from keraseq.registry import strategies
from keraseq.tasks import Task
from keraseq.training.callbacks import History, Scalars, ShowProgress, StopOnDivergence, best_on_validation
from keraseq.training.optimizer import optimizer
from keraseq.training.outcome import Outcome
from keraseq.training.settings import Training
from keraseq.training.stages import OneTraining, Stage

WORTH_COMPILING = 2_000  # steps of a run from which on compiling by XLA is repaid on a CPU


@dataclass(frozen=True)
class Fit:
    """What a training run came to.

    Attributes:
        outcome: `completed`, `diverged` (the loss became NaN or infinite) or `interrupted` (Ctrl-C).
        history: metric → value of each epoch that ended.
        score: best validation score, in the task's metric; None if no epoch ended with a finite one.
        best_epoch: epoch of that score, from 1; the model keeps the weights of its end.
        seconds: wall time.
        jit_compile: whether the steps were compiled by XLA.
    """

    outcome: Outcome
    history: dict[str, list[float]] = field(repr=False)
    score: float | None
    best_epoch: int | None
    seconds: float
    jit_compile: bool

    @property
    def epochs(self) -> int:
        """Epochs that ended."""
        return len(self.history.get("loss", []))


def fit(
    model: keras.Model,
    task: Task,
    *,
    seed: int = 0,
    strategy: str = "auto",
    callbacks: Iterable[keras.callbacks.Callback] = (),
    directory: str | Path | None = None,
    tensorboard: bool = False,
    progress: bool = True,
    stages: Sequence[Stage] = (),
    **settings: Any,
) -> Fit:
    """Trains `model` on the task's training split and keeps the weights that did best on validation.

    The model is compiled with the task's loss and metrics; batches come in an order that depends only on `seed` and
    the epoch. Where the task carries rows on from batch to batch, `Carried` trains in the model's stead, and with its
    weights.

    Args:
        model: from `create_model`, or any Keras model with the task's inputs and output.
        task: from `load_task`.
        seed: of shuffling and dropout.
        strategy: registered name of where to train.
        callbacks: further Keras callbacks.
        directory: where `history.jsonl` is written, a line an epoch; None writes nothing.
        tensorboard: whether scalars for TensorBoard are written there too, to `tensorboard/`.
        progress: whether to print.
        stages: what early epochs see; optimizer, schedule and callbacks go on from one to the next. Whatever is left of
            the epochs sees all of the training split.
        settings: fields of `Training`: epochs, learning_rate, warmup, decay, weight_decay, clip_norm, patience,
            jit_compile.

    Raises:
        UsageError: an unknown setting or strategy, a value out of range, or `tensorboard` without a directory.
        KeraseqError: `directory` cannot be written.

    Example:
        >>> task = keraseq.load_task("digits")                              # doctest: +SKIP
        >>> model = keraseq.create_model("gru", task, seed=0)               # doctest: +SKIP
        >>> keraseq.fit(model, task, epochs=3).score                        # doctest: +SKIP
        0.81
    """
    training: Training = configure(Training, settings, "fit")
    scope = strategies.get(strategy)
    check(directory is not None or not tensorboard, "tensorboard=True writes to a directory; give directory=…")
    folder = make_folder(Path(directory)) if directory is not None else None
    stages = [stage for stage in stages if stage.until < training.epochs] + [Stage(training.epochs, task)]
    begins = [0, *(stage.until for stage in stages[:-1])]
    steps = sum(stage.steps * (stage.until - begin) for stage, begin in zip(stages, begins, strict=True))

    divergence = StopOnDivergence()
    best = best_on_validation(task, training)
    recorded = keras.callbacks.History()
    watchers: list[keras.callbacks.Callback] = [divergence, best, recorded, *callbacks]
    if folder:
        watchers += [History(folder / "history.jsonl"), *([Scalars(folder)] if tensorboard else [])]
    shown = [ShowProgress(Console(), stages[-1].steps, training.epochs)] if progress else []

    started = time.perf_counter()
    outcome = None
    keras.utils.set_random_seed(seed)
    with scope():
        trained, resetting, jit_compile = compiled(model, task, training, steps)
        together = OneTraining([*watchers, *resetting, *shown], trained)
        try:
            for stage, begin in zip(stages, begins, strict=True):
                trained.fit(
                    stage.data(seed, begin),
                    validation_data=task.validation,
                    initial_epoch=begin,
                    epochs=stage.until,
                    callbacks=together,
                    shuffle=False,
                    verbose=0,
                )
                if trained.stop_training:
                    break
            together.end()
        except KeyboardInterrupt:
            outcome = Outcome.INTERRUPTED
            for watcher in (best, *shown):
                watcher.on_train_end()
    history = {name: [float(v) for v in values] for name, values in getattr(recorded, "history", {}).items()}
    outcome = outcome or divergence.outcome
    if outcome is not Outcome.COMPLETED:
        gc.collect()  # batches left half-way: TensorFlow complains where they outlive the interpreter
    # The epoch in which the loss diverged is validated too; its score is one of broken weights.
    broken = outcome is Outcome.DIVERGED and best.best_epoch == len(history["loss"]) - 1
    found = best.best_weights is not None and math.isfinite(best.best) and not broken
    if not found and outcome is Outcome.COMPLETED:
        outcome = Outcome.DIVERGED
    return Fit(
        outcome=outcome,
        history=history,
        score=float(best.best) if found else None,
        best_epoch=best.best_epoch + 1 if found else None,
        seconds=time.perf_counter() - started,
        jit_compile=jit_compile,
    )


def compiled(
    model: keras.Model, task: Task, training: Training, steps: int
) -> tuple[keras.Model, list[keras.callbacks.Callback], bool]:
    """What is trained in the model's stead, compiled; the callbacks that it needs; and whether XLA compiles it.

    Args:
        steps: batches of the whole training.
    """
    jit_compile = _compiles(model, task, steps) if training.jit_compile == "auto" else bool(training.jit_compile)
    trained = Carried(model, task.config.batch_size) if task.carries else model
    trained.compile(optimizer=optimizer(training, steps), **task.measures, jit_compile=jit_compile)
    return trained, [trained.resetting()] if isinstance(trained, Carried) else [], jit_compile


def _compiles(model: keras.Model, task: Task, steps: int) -> bool:
    """Whether XLA pays: it compiles for seconds, anew for each shape, and on a CPU gains only in recurrent loops.

    There it loses more than that where it draws random numbers for all steps, as dropout of a sequence does.
    """
    few_shapes = task.config.static_shapes or all(tensor.shape[1] is not None for tensor in model.inputs)
    if keras.distribution.list_devices("gpu"):
        return few_shapes
    recurrent = any(isinstance(layer, Recurrent | Bidirectional) for layer in model.layers)
    dropout = any(
        isinstance(layer, keras.layers.Dropout) and layer.rate and len(layer.output.shape) > 2 for layer in model.layers
    )
    return few_shapes and recurrent and not dropout and steps >= WORTH_COMPILING
