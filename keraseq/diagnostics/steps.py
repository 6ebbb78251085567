"""How long a step of training takes, and one of validation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keraseq.config import configure
from keraseq.registry import strategies
from keraseq.tasks import Task
from keraseq.training.fit import compiled
from keraseq.training.settings import Training

WARM_UP = 3  # steps before those that count: the first traces and compiles
STEPS = 20  # that are measured
ENOUGH = 3  # of them, where they take long
LONG = 3.0  # seconds


@dataclass(frozen=True)
class Steps:
    """Median milliseconds of a step.

    Attributes:
        train: on a batch of train, from the end of one step to that of the next.
        validation: on a batch of validation, likewise.
        seconds: that all of these steps took together, those of warm-up not counted.
    """

    train: float
    validation: float
    seconds: float


def step_time(model: keras.Model, task: Task, strategy: str = "auto", **settings: Any) -> float:
    """Median milliseconds of a step of training on batches of `task`, after some to warm up.

    The model is compiled as `fit` compiles it and runs in the same loop, waiting for batches included; afterwards its
    variables are as they were. The number depends on the machine and on what else it does.

    Args:
        model: from `create_model`.
        task: from `load_task`.
        strategy, settings: as in `fit`.

    Raises:
        UsageError: an unknown setting or strategy.
    """
    return _measured(model, task, strategy, settings, validation=False).train


def steps_time(model: keras.Model, task: Task, strategy: str = "auto", **settings: Any) -> Steps:
    """As `step_time`, with the steps of validation too."""
    return _measured(model, task, strategy, settings, validation=True)


def train_steps(model: keras.Model, task: Task, strategy: str = "auto", **settings: Any) -> tuple[list[float], float]:
    """Milliseconds of each of some steps of training after warm-up, and the seconds of the first, which compiles.

    Arguments and effects are those of `step_time`.
    """
    timer = _Timer()
    _measured(model, task, strategy, settings, validation=False, timer=timer)
    return timer.milliseconds, timer.first


def timed(function: Callable[[], Any], warm_up: int = WARM_UP, most: int = STEPS) -> list[float]:
    """Milliseconds of each of some calls, after some that do not count.

    Args:
        function: gives something that NumPy can read, which waits for it.
        warm_up: calls that do not count.
        most: calls that do; fewer where they take long.
    """
    for _ in range(warm_up):
        np.asarray(function())
    taken: list[float] = []
    while len(taken) < most and (len(taken) < ENOUGH or sum(taken) < LONG * 1000):
        began = time.perf_counter()
        np.asarray(function())
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _measured(
    model: keras.Model,
    task: Task,
    strategy: str,
    settings: dict[str, Any],
    validation: bool,
    timer: _Timer | None = None,
) -> Steps:
    training: Training = configure(Training, settings, "step_time")
    variables = model.variables
    before = [variable.numpy() for variable in variables]
    timer = timer or _Timer()
    try:
        with strategies.get(strategy)():
            same = keras.Model(model.input, model.output, name=model.name)  # so that the model stays as compiled
            trained, watchers, _ = compiled(same, task, training, task.steps("train") * training.epochs)
            batches = task.dataset("train").repeat().take(WARM_UP + STEPS)
            trained.fit(batches, epochs=1, callbacks=[*watchers, timer], shuffle=False, verbose=0)
            train, validated, seconds = timer.median, 0.0, timer.seconds
            if validation:
                timer = _Timer()
                batches = task.dataset("validation").repeat().take(WARM_UP + STEPS)
                trained.evaluate(batches, callbacks=[*watchers, timer], verbose=0)
                validated, seconds = timer.median, seconds + timer.seconds
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
    return Steps(train, validated, seconds)


class _Timer(keras.callbacks.Callback):
    """Seconds from the end of one step to that of the next."""

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

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.on_train_batch_end(batch, logs)

    @property
    def median(self) -> float:
        """Milliseconds of a step."""
        return float(np.median(self.milliseconds))

    @property
    def milliseconds(self) -> list[float]:
        """Of each step that counts."""
        return [float(step) * 1000 for step in np.diff(self.ends[WARM_UP - 1 :])]

    @property
    def first(self) -> float:
        """Seconds of the first step of training."""
        return self.ends[0] - self.began

    @property
    def seconds(self) -> float:
        """Of all steps that count."""
        return self.ends[-1] - self.ends[WARM_UP - 1]
