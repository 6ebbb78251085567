"""How long the first steps of a training take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keraseq.tasks import Task

WARM_UP = 3  # steps before those that count: the first traces and compiles
STEPS = 20  # that are measured
ENOUGH = 3  # of them, where they take long
LONG = 3.0  # seconds


def first_steps(
    trained: keras.Model, task: Task, watchers: Sequence[keras.callbacks.Callback], split: str = "train"
) -> StepTimer:
    """Takes some steps with a compiled model and times them: of training, or of evaluation on another split."""
    timer = StepTimer()
    batches = task.dataset(split).repeat().take(WARM_UP + STEPS)
    if split == "train":
        trained.fit(batches, callbacks=[*watchers, timer], shuffle=False, verbose=0)
    else:
        trained.evaluate(batches, callbacks=[*watchers, timer], verbose=0)
    return timer


class StepTimer(keras.callbacks.Callback):
    """Seconds from the end of one step to that of the next, of `WARM_UP + STEPS` steps, or fewer where they take long.

    Attributes:
        began: when the training or the evaluation did.
        ends: when each step ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.began = 0.0
        self.ends: list[float] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        float((logs or {})["loss"])  # which waits for it
        self.ends.append(time.perf_counter())
        if len(self.ends) > WARM_UP + ENOUGH and self.ends[-1] - self.ends[WARM_UP - 1] > LONG:
            self.model.stop_training = True

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.on_train_begin(logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.on_train_batch_end(batch, logs)

    @property
    def milliseconds(self) -> list[float]:
        """Of each step that counts."""
        return [float(step) * 1000 for step in np.diff(self.ends[WARM_UP - 1 :])]

    @property
    def median(self) -> float:
        """Seconds of a step."""
        return float(np.median(self.milliseconds)) / 1000

    @property
    def seconds(self) -> float:
        """Of all steps that count."""
        return self.ends[-1] - self.ends[WARM_UP - 1]

    @property
    def start(self) -> float:
        """Seconds that the first step took beyond the median: of tracing and compiling."""
        return max(0.0, self.ends[0] - self.began - self.median)
