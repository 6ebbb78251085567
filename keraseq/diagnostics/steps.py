"""How long a step of training takes, and one of validation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keraseq.config import configure
from keraseq.registry import strategies
from keraseq.tasks import Task
from keraseq.training.compiling import chosen, compiled
from keraseq.training.settings import Training
from keraseq.training.timing import ENOUGH, LONG, STEPS, WARM_UP, StepTimer, first_steps


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
    return train_steps(model, task, strategy, **settings).median * 1000


def steps_time(model: keras.Model, task: Task, strategy: str = "auto", **settings: Any) -> Steps:
    """As `step_time`, with the steps of validation too."""
    train, validation = _measured(model, task, strategy, settings, ("train", "validation"))
    return Steps(train.median * 1000, validation.median * 1000, train.seconds + validation.seconds)


def train_steps(model: keras.Model, task: Task, strategy: str = "auto", **settings: Any) -> StepTimer:
    """The times of some steps of training. Arguments and effects are those of `step_time`."""
    return _measured(model, task, strategy, settings, ("train",))[0]


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
    model: keras.Model, task: Task, strategy: str, settings: dict[str, Any], splits: Sequence[str]
) -> list[StepTimer]:
    """The times of steps on each split, of training on train and of evaluation on others."""
    training: Training = configure(Training, settings, "step_time")
    variables = model.variables
    before = [variable.numpy() for variable in variables]
    try:
        with strategies.get(strategy)():
            same = keras.Model(model.input, model.output, name=model.name)  # so that the model stays as compiled
            steps = task.steps("train") * training.epochs
            trained, watchers = compiled(same, task, training, steps, chosen(same, task, training, steps))
            return [first_steps(trained, task, watchers, split) for split in splits]
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
