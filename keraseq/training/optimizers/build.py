"""The optimizer that a `Training` describes."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras

from keraseq.training.optimizers.schedule import schedule
from keraseq.training.optimizers.watched import Watched
from keraseq.training.settings import Training

KINDS = {
    "adamw": keras.optimizers.AdamW,
    "lion": keras.optimizers.Lion,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def optimizer(training: Training, steps: int) -> keras.optimizers.Optimizer:
    """The Keras optimizer that `training` asks for, `Watched`; biases and norms do not decay.

    Args:
        training: settings.
        steps: batches of the whole run, over which warm-up and decay are spread.
    """
    momentum = {"momentum": training.momentum, "nesterov": training.momentum > 0} if training.optimizer == "sgd" else {}
    made = _watched(training.optimizer)(
        learning_rate=schedule(training, steps),
        weight_decay=training.weight_decay,
        global_clipnorm=training.clip_norm,
        clipvalue=training.clip_value,
        adaptive_clip=training.clip_adaptive,
        average=training.average,
        gradient_accumulation_steps=training.accumulate if training.accumulate > 1 else None,
        **momentum,
    )
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made


@cache
def _watched(name: str) -> Any:
    return type(KINDS[name].__name__, (Watched, KINDS[name]), {})
