"""What `fit` watches while Keras trains."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keraseq.files import replacing
from keraseq.tasks import Task
from keraseq.training.optimizers import watched
from keraseq.training.outcome import Outcome
from keraseq.training.settings import Training


def best_on_validation(task: Task, training: Training) -> keras.callbacks.EarlyStopping:
    """Stops when the task's objective no longer improves on validation, and restores the weights of its best epoch."""
    return keras.callbacks.EarlyStopping(
        monitor=task.objective,
        mode=task.direction,
        patience=training.patience or training.epochs,
        restore_best_weights=True,
    )


def adjusting(task: Task, training: Training) -> list[keras.callbacks.Callback]:
    """What averages the weights or lowers the step size by validation, where `training` asks for it."""
    callbacks: list[keras.callbacks.Callback] = [Averaging()] if training.average else []
    if training.decay == "plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(monitor=task.objective, mode=task.direction, factor=0.5, patience=2)
        )
    return callbacks


class OptimizerScores(keras.callbacks.Callback):
    """Adds to the scores of every epoch what the optimizer knows.

    `gradient_norm` is the largest global norm of the epoch's gradients, before clipping; `learning_rate` the step size
    at its end.
    """

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        optimizer = watched(self.model)
        if optimizer.built:
            optimizer.largest.assign(keras.ops.zeros(()))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            optimizer = watched(self.model)
            logs["gradient_norm"] = float(optimizer.largest.numpy())
            logs["learning_rate"] = float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def largest_gradient(model: keras.Model) -> str:
    """Where the latest finite gradient was largest, as the end of a sentence; empty where nobody measured it."""
    optimizer = watched(model)
    if optimizer is None:
        return ""
    norms = optimizer.norms.numpy()
    place = int(norms.argmax())
    return f", after a gradient of norm {norms[place]:.3g} in {optimizer.watched[place].path}"


class Averaging(keras.callbacks.Callback):
    """Validates, and leaves, the averages of the weights that the optimizer keeps; training goes on with the weights.

    It belongs before callbacks that read the weights when an epoch ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.swapped = False

    def _swap(self, swapped: bool) -> None:
        if self.swapped is swapped:
            return
        self.swapped = swapped
        optimizer = watched(self.model)
        for variable, average in zip(optimizer.watched, optimizer.averages, strict=True):
            value = variable.numpy()
            variable.assign(average)
            average.assign(value)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._swap(False)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(True)


class StopOnDivergence(keras.callbacks.Callback):
    """Stops at the first loss that is NaN or infinite.

    Attributes:
        message: what happened and the remedy; empty while all is well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.message = ""
        self._epoch = 0

    @property
    def outcome(self) -> Outcome:
        """How the training ends if nothing else ends it."""
        return Outcome.DIVERGED if self.message else Outcome.COMPLETED

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            self.message = (
                f"the loss became NaN or infinite in step {batch + 1} of epoch {self._epoch + 1}"
                f"{largest_gradient(self.model)}; lower the learning rate or clip_norm"
            )
            self.model.stop_training = True


class History(keras.callbacks.Callback):
    """One JSON line an epoch, appended to a file as soon as the epoch ends.

    Args:
        path: of the file.
        epochs: that ended before, whose lines stay.
    """

    def __init__(self, path: Path, epochs: int = 0):
        super().__init__()
        self.path, self.epochs = path, epochs

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True) if self.epochs else []
        with replacing(self.path) as temporary:
            temporary.write_text("".join(lines[: self.epochs]), encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        line = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Scalars(keras.callbacks.TensorBoard):
    """Loss, metrics and learning rate of every epoch for TensorBoard, and no graphs; those of another run go.

    They are in the files when the epoch ends, so that a run can be watched and killed.

    Args:
        folder: of the run; they are written to `tensorboard/train` and `tensorboard/validation` below it.
        resumed: whether what is there is of the same run.
    """

    def __init__(self, folder: Path, resumed: bool = False):
        super().__init__(folder / "tensorboard", write_graph=False, profile_batch=0)
        self.resumed = resumed

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        for old in () if self.resumed else Path(self.log_dir).glob("*/events.out.tfevents.*"):
            old.unlink()
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        for writer in self._writers.values():
            writer.flush()


class ShowProgress(keras.callbacks.Callback):
    """A bar for the epoch at hand and a line for each that ended; only the lines where output is not a terminal."""

    def __init__(self, console: Console, steps: int, epochs: int):
        super().__init__()
        self.steps = steps
        self.epochs = epochs
        self.console = console
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.row = self.bar.add_task("train", total=steps, epoch=1, loss=0.0)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.bar.start()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.bar.stop()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.reset(self.row, total=self.steps, epoch=epoch + 1, loss=0.0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.update(self.row, completed=batch + 1, loss=float((logs or {}).get("loss", 0.0)))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        scores = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        self.console.print(f"epoch {epoch + 1}/{self.epochs}  {scores}", highlight=False, soft_wrap=True)
