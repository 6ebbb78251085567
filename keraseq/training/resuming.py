"""A training that goes on where a checkpoint left it, as if it had never stopped."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

import keras
import numpy as np

from keraseq.config import check
from keraseq.tasks import Task
from keraseq.training.callbacks import StopOnDivergence
from keraseq.training.checkpoints import Checkpoints, Snapshot
from keraseq.training.distributed.workers import agreed

STATE = {  # what callbacks know beside their settings
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch"),
    keras.callbacks.History: ("epoch", "history"),
    StopOnDivergence: ("message",),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
}
BEGINNING: Mapping[str, Any] = {"step": 0, "epoch": 0, "batch": 0, "ended": False, "seconds": 0.0, "jit_compile": None}


class Preempted(KeyboardInterrupt):
    """The training was told to stop by SIGTERM, and its state is saved."""


class Checkpointing(keras.callbacks.Callback):
    """Saves all that the rest of a training depends on, and brings it back.

    A snapshot holds the variables of model, optimizer and metrics, among them the seeds of dropout; the position in the
    data, whose order follows from seed and epoch; and what the watchers know. It belongs behind all other callbacks.

    Args:
        checkpoints: where they are saved; None saves none.
        about: what makes this training this one, as plain data; the snapshot of another is refused.
        watchers: callbacks with a state of their own; of the kinds in `STATE` it is saved.
        seconds: least time from one snapshot to the next.
        resume: whether to go on from the newest snapshot; else those that are there are deleted.

    Attributes:
        step: batches seen so far.
        epoch: number of the epoch at hand, from 0.
        batch: number of the batch at hand in it, from 0.
        ended: whether the training had ended already.
        jit_compile: whether XLA compiles its steps; None where that is still to be chosen.

    Raises:
        UsageError: the newest snapshot is of another training.
    """

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        about: Mapping[str, Any],
        watchers: Sequence[keras.callbacks.Callback],
        seconds: float,
        resume: bool,
    ):
        super().__init__()
        self.checkpoints, self.seconds = checkpoints, seconds
        self.watchers = [watcher for watcher in watchers if type(watcher) in STATE]
        self.about = json.loads(json.dumps(about))
        self._before = checkpoints.newest() if checkpoints and resume else None
        if checkpoints and not resume:
            checkpoints.clear()
        facts = self._before.facts if self._before else {**BEGINNING, "about": self.about}
        self._refuse_another(facts["about"])
        self.step, self.epoch, self.batch, self.ended = (facts[name] for name in ("step", "epoch", "batch", "ended"))
        self.jit_compile: bool | None = facts["jit_compile"]
        self._earlier = facts["seconds"]
        self._began = self._saved = time.monotonic()
        self._skipped = 0
        self._told_to_stop = False

    @property
    def elapsed(self) -> float:
        """Seconds of this training, those before an interruption included."""
        return float(self._earlier + time.monotonic() - self._began)

    def prepare(self, model: keras.Model, task: Task) -> None:
        """Creates the variables that are to be brought back, as Keras else does at the first step."""
        if self._before:
            model.optimizer.build(model.trainable_variables)
            model.test_on_batch(*next(iter(task.validation)))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._before:
            for place, watcher in enumerate(self.watchers):
                for name, value in self._before.facts["watchers"][place].items():
                    setattr(watcher, name, value)
                if best := _numbered(self._before.arrays, f"watcher-{place}"):
                    watcher.best_weights = best

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras and the other callbacks have just begun anew what this brings back."""
        self.epoch, self._skipped = epoch, 0
        if self._before:
            self._skipped = self.batch
            values, self._before = _numbered(self._before.arrays, "variable"), None
            for variable, value in zip(_variables(self.model), values, strict=True):
                variable.assign(value)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.batch = self._skipped + batch
        if self.checkpoints is None:
            return
        # Workers save together, or not at all: what metrics have summed lies with all of them.
        if agreed(self._told_to_stop or time.monotonic() - self._saved >= self.seconds):
            self._save()
            if agreed(self._told_to_stop):
                raise Preempted

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.step += self._skipped + batch + 1 - self.batch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch, self.batch = epoch + 1, 0

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self.ended:
            self.ended = True
            self._save()

    @contextlib.contextmanager
    def preemptible(self) -> Iterator[None]:
        """Inside the block SIGTERM lets the step at hand end, and the training then saves and raises `Preempted`.

        Signals are heard in the main thread alone; in another one nothing changes.
        """
        if self.checkpoints is None or threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            self._told_to_stop = True

        before = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def _save(self) -> None:
        if self.checkpoints is None:
            return
        arrays = {f"variable-{place}": variable.numpy() for place, variable in enumerate(_variables(self.model))}
        for place, watcher in enumerate(self.watchers):
            for number, weight in enumerate(getattr(watcher, "best_weights", None) or ()):
                arrays[f"watcher-{place}-{number}"] = weight
        facts = {
            "about": self.about,
            **{name: getattr(self, name) for name in ("step", "epoch", "batch", "ended", "jit_compile")},
            "seconds": self.elapsed,
            "watchers": [{name: getattr(w, name) for name in STATE[type(w)]} for w in self.watchers],
        }
        self.checkpoints.save(self.step, Snapshot(facts, arrays))
        self._saved = time.monotonic()

    def _refuse_another(self, about: Mapping[str, Any]) -> None:
        others = [name for name, given in self.about.items() if about.get(name) != given]
        told = "; ".join(f"{name} was {about.get(name)} and is {self.about[name]}" for name in others)
        check(
            not others,
            f"the checkpoint is of another training: {told}. Resume with the settings it began with, or give another "
            "directory",
        )


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Those of model, optimizer and metrics, each once and in a fixed order."""
    known = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return list({id(variable): variable for variable in known}.values())


def _numbered(arrays: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    """The arrays `name-0`, `name-1`, …"""
    count = sum(key.rpartition("-")[0] == name for key in arrays)
    return [arrays[f"{name}-{number}"] for number in range(count)]
