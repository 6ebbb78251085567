"""How long a step of training takes, and one of validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from keraseq.config import configure
from keraseq.registry import strategies
from keraseq.tasks import Task
from keraseq.training.compiling import chosen, compiled
from keraseq.training.settings import Training
from keraseq.training.timing import first_steps


@dataclass(frozen=True)
class Steps:
    """Median milliseconds of a step.

    Attributes:
        train: on a batch of train, from the end of one step to that of the next.
        seconds: that all of these steps took together, those of warm-up not counted.
        validation: on a batch of validation, likewise; None where it was not measured.
    """

    train: float
    seconds: float
    validation: float | None = None


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


def _measured(model: keras.Model, task: Task, strategy: str, settings: dict[str, Any], validation: bool) -> Steps:
    training: Training = configure(Training, settings, "step_time")
    variables = model.variables
    before = [variable.numpy() for variable in variables]
    try:
        with strategies.get(strategy)():
            same = keras.Model(model.input, model.output, name=model.name)  # so that the model stays as compiled
            steps = task.steps("train") * training.epochs
            trained, watchers = compiled(same, task, training, steps, chosen(same, task, training, steps))
            splits = ("train", "validation") if validation else ("train",)
            timers = [first_steps(trained, task, watchers, split) for split in splits]
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
    seconds = sum(timer.seconds for timer in timers)
    return Steps(timers[0].median * 1000, seconds, timers[1].median * 1000 if validation else None)
