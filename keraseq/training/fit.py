"""`fit`: one model on one task."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from keraseq.config import check, configure, settings_of
from keraseq.files import make_folder
from keraseq.inference.carried import Carried
from keraseq.models import count_parameters
from keraseq.registry import strategies
from keraseq.tasks import Task
from keraseq.training.callbacks import (
    History,
    OptimizerScores,
    Scalars,
    ShowProgress,
    StopOnDivergence,
    adjusting,
    best_on_validation,
)
from keraseq.training.checkpoints import Checkpoints
from keraseq.training.compiling import chosen, compile_for, compiled
from keraseq.training.distributed.replicated import Replicated
from keraseq.training.distributed.workers import LOST, Watchdog, alone, leads, lost
from keraseq.training.outcome import Outcome
from keraseq.training.resuming import Checkpointing, Preempted
from keraseq.training.settings import Training
from keraseq.training.stages import OneTraining, Part, Stage, parts


@dataclass(frozen=True)
class Fit:
    """What a training run came to.

    Attributes:
        outcome: `completed`, `diverged` (the loss became NaN or infinite), `interrupted` (Ctrl-C) or `preempted`
            (SIGTERM; the state is saved).
        history: metric → value of each epoch that ended.
        score: best validation score, in the task's metric; None if no epoch ended with a finite one.
        best_epoch: epoch of that score, from 1; the model keeps the weights of its end.
        seconds: wall time, that before an interruption included.
        jit_compile: whether the steps were compiled by XLA.
        message: what went wrong and the remedy, where something did.
    """

    outcome: Outcome
    history: dict[str, list[float]] = field(repr=False)
    score: float | None
    best_epoch: int | None
    seconds: float
    jit_compile: bool
    message: str = ""

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
    resume: bool = False,
    checkpoint_seconds: float | None = 60.0,
    peer_timeout: float = 300.0,
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
        directory: where `history.jsonl` is written, a line an epoch, and `checkpoints`; None writes nothing.
        resume: whether to go on from the newest checkpoint in `directory` that is whole, to the same result as if the
            training had never stopped; it begins anew where there is none. Without it those that are there are deleted.
        checkpoint_seconds: least seconds from one checkpoint to the next, 0 or more; None writes none.
        peer_timeout: seconds without a step, above 0, after which a worker takes the others for hung and ends.
        tensorboard: whether scalars for TensorBoard are written there too, to `tensorboard/`.
        progress: whether to print.
        stages: what early epochs see; optimizer, schedule and callbacks go on from one to the next. Whatever is left of
            the epochs sees all of the training split.
        settings: fields of `Training`.

    Raises:
        UsageError: an unknown setting or strategy, a value out of range, `tensorboard` or `resume` without a directory,
            or a checkpoint of another training.
        KeraseqError: `directory` cannot be written, or another worker of the job is gone.

    Example:
        >>> task = keraseq.load_task("digits")                              # doctest: +SKIP
        >>> model = keraseq.create_model("gru", task, seed=0)               # doctest: +SKIP
        >>> keraseq.fit(model, task, epochs=3).score                        # doctest: +SKIP
        0.81
    """
    training: Training = configure(Training, settings, "fit")
    scope = strategies.get(strategy)
    callbacks = list(callbacks)
    _check(directory, tensorboard, resume, checkpoint_seconds, peer_timeout)
    _check_step_size(callbacks, training)
    folder = make_folder(Path(directory)) if directory is not None else None
    stages = [stage for stage in stages if stage.until < training.epochs] + [Stage(training.epochs, task)]
    steps = sum(part.stage.steps * (part.until - part.begin) for part in parts(stages))

    divergence, best, recorded = StopOnDivergence(), best_on_validation(task, training), keras.callbacks.History()
    own = [OptimizerScores(), *adjusting(task, training), divergence, best, recorded]
    about = {
        "task": task.name,
        **{f"task.{name}": value for name, value in settings_of(task.config).items()},
        **{f"training.{name}": value for name, value in settings_of(training).items()},
        "parameters": count_parameters(model),
        "seed": seed,
    }
    with scope():
        leading = leads()
        checkpoints = None
        if folder and checkpoint_seconds is not None:
            checkpoints = Checkpoints(folder / "checkpoints", writes=leading)
        checkpointing = Checkpointing(checkpoints, about, own, checkpoint_seconds or 0.0, resume)
        watchers: list[keras.callbacks.Callback] = [*own, *callbacks]
        if folder and leading:
            watchers.append(History(folder / "history.jsonl", checkpointing.epoch))
        if folder and leading and tensorboard:
            watchers.append(Scalars(folder, resumed=checkpointing.step > 0))
        shown = [ShowProgress(Console(), stages[-1].steps, training.epochs)] if progress and leading else []
        jit_compile = checkpointing.jit_compile
        if jit_compile is None:
            jit_compile = checkpointing.jit_compile = chosen(model, task, training, steps)
        keras.utils.set_random_seed(seed)
        trained, resetting = compiled(model, task, training, steps, jit_compile)
        watchdog = Watchdog(peer_timeout)
        together = OneTraining([*watchers, *resetting, *shown, watchdog, checkpointing], trained)
        checkpointing.prepare(trained, task)
        left = () if checkpointing.ended else parts(stages, checkpointing.epoch, checkpointing.batch)
        with checkpointing.preemptible(), watchdog:
            interruption = _run(trained, task, left, together, seed)
        if interruption:
            for watcher in (best, *shown):
                watcher.on_train_end()
    if trained is not model and not isinstance(trained, Carried):
        model.set_weights(trained.get_weights())
        compile_for(model, task, training, steps)
    outcome = interruption or divergence.outcome
    if outcome is not Outcome.COMPLETED:
        gc.collect()  # batches left half-way: TensorFlow complains where they outlive the interpreter
    history = {name: [float(v) for v in values] for name, values in getattr(recorded, "history", {}).items()}
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
        seconds=checkpointing.elapsed,
        jit_compile=jit_compile,
        message=divergence.message or ("" if found else f"no epoch gave a finite {task.objective}"),
    )


def _run(
    trained: keras.Model | Replicated, task: Task, left: Iterable[Part], callbacks: OneTraining, seed: int
) -> Outcome | None:
    """Trains the parts that are left to their end, and says what interrupted it, if anything did.

    Raises:
        KeraseqError: another worker of the job is gone.
    """
    try:
        for part in left:
            trained.fit(
                part.stage.data(seed, part.begin, part.batch),
                validation_data=task.validation,
                initial_epoch=part.begin,
                epochs=part.until,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
            if trained.stop_training:
                break
        callbacks.end()
    except Preempted:
        return Outcome.PREEMPTED
    except KeyboardInterrupt:
        return Outcome.INTERRUPTED
    except LOST as error:
        if alone():
            raise
        raise lost(error) from error
    return None


def _check(
    directory: str | Path | None,
    tensorboard: bool,
    resume: bool,
    checkpoint_seconds: float | None,
    peer_timeout: float,
) -> None:
    check(directory is not None or not tensorboard, "tensorboard=True writes to a directory; give directory=…")
    check(
        checkpoint_seconds is None or checkpoint_seconds >= 0,
        f"checkpoint_seconds must be 0 or more, or None; got {checkpoint_seconds}",
    )
    check(
        (directory is not None and checkpoint_seconds is not None) or not resume,
        "resume=True needs checkpoints; give directory=…",
    )
    check(peer_timeout > 0, f"peer_timeout must be above 0; got {peer_timeout}")


def _check_step_size(callbacks: Iterable[keras.callbacks.Callback], training: Training) -> None:
    """Refuses callbacks that set the step size where a schedule does."""
    setting = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
    named = ", ".join(type(callback).__name__ for callback in callbacks if isinstance(callback, setting))
    check(
        not named or (training.rising == 0 and training.decay == "none"),
        f"{named} sets the step size, and so does the schedule; got warmup={training.rising} and "
        f"decay={training.decay!r}: give warmup=0 and decay='none', or leave the callback out",
    )
