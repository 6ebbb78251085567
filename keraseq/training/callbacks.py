"""What `fit` watches while Keras trains."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keraseq.tasks import Task
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


class StopOnDivergence(keras.callbacks.Callback):
    """Stops at the first loss that is NaN or infinite; `outcome` then says so."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = Outcome.COMPLETED

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            self.outcome = Outcome.DIVERGED
            self.model.stop_training = True


class History(keras.callbacks.Callback):
    """One JSON line an epoch, appended to a file as soon as the epoch ends."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.path.write_text("", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        line = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Scalars(keras.callbacks.TensorBoard):
    """Loss, metrics and learning rate of every epoch for TensorBoard, and no graphs; those of an earlier run go.

    They are in the files when the epoch ends, so that a run can be watched and killed.

    Args:
        folder: of the run; they are written to `tensorboard/train` and `tensorboard/validation` below it.
    """

    def __init__(self, folder: Path):
        super().__init__(folder / "tensorboard", write_graph=False, profile_batch=0)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        for old in Path(self.log_dir).glob("*/events.out.tfevents.*"):
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
