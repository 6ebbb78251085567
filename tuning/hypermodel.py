"""Our families as a `kt.HyperModel`, for KerasTuner's own tuners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from keraseq.config import configure
from keraseq.models import create_model
from keraseq.registry import models as registry
from keraseq.tasks import Task
from keraseq.training.optimizers import optimizer
from keraseq.training.settings import Training
from keraseq.tuning.space import declare_families, defaults, searched, space, split


class SequenceHyperModel(kt.HyperModel):
    """The choice of a family and of its settings, as one search space.

    Args:
        task: gives inputs, output, loss and metrics.
        models: family names.
        parameters: size that every model is brought to by its width; None searches the width.
        training: settings of `Training` that are fixed; the others with a range are searched.

    Example:
        >>> tuner = kt.RandomSearch(                                           # doctest: +SKIP
        ...     SequenceHyperModel(task, ["gru", "tcn"]), kt.Objective(task.objective, task.direction), max_trials=6
        ... )
        >>> tuner.search(task.train, validation_data=task.validation, epochs=3)  # doctest: +SKIP
    """

    def __init__(self, task: Task, models: Sequence[str], *, parameters: int | None = None, **training: Any):
        super().__init__(name="sequence")
        self.task = task
        self.models = [registry.entry(name).name for name in models]
        self.parameters = parameters
        self.training: Training = configure(Training, training, "training")
        self.fixed = training

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """The compiled model of the family and settings that `hp` holds."""
        solved = self.parameters is not None
        named = {f: searched(f, self.task.output, solved=solved, fixed=self.fixed) for f in self.models}
        spaces = {family: space(fields) for family, fields in named.items()}
        chosen, params = declare_families(hp, spaces, {family: defaults(fields) for family, fields in named.items()})
        config, training, _ = split(params, chosen)
        model = create_model(chosen, self.task, parameters=self.parameters, **config)
        settings: Training = configure(Training, {**self.fixed, **training}, "training")
        model.compile(
            optimizer=optimizer(settings, settings.epochs * self.task.steps("train")),
            **self.task.measures,
        )
        return model
