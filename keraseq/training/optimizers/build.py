"""The optimizer that a `Training` describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import keras
from keras import ops

from keraseq.training.optimizers.schedule import schedule
from keraseq.training.optimizers.watched import Watched
from keraseq.training.settings import Training

KINDS = {
    "adamw": keras.optimizers.AdamW,
    "lion": keras.optimizers.Lion,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def optimizer(training: Training, steps: int, summed: bool = False) -> keras.optimizers.Optimizer:
    """The Keras optimizer that `training` asks for, `Watched`; biases and norms do not decay.

    Args:
        training: settings.
        steps: batches of the whole run, over which warm-up and decay are spread.
        summed: whether gradients come watched, accumulated, clipped and summed over all replicas of `tf.distribute`.
    """
    if summed:
        training = replace(training, clip_norm=None, clip_value=None, accumulate=1)
    momentum = {"momentum": training.momentum, "nesterov": training.momentum > 0} if training.optimizer == "sgd" else {}
    made = _watched(training.optimizer)(
        learning_rate=schedule(training, steps),
        weight_decay=training.weight_decay,
        global_clipnorm=training.clip_norm,
        clipvalue=training.clip_value,
        adaptive_clip=training.clip_adaptive,
        average=training.average,
        summed=summed,
        gradient_accumulation_steps=training.accumulate if training.accumulate > 1 else None,
        **momentum,
    )
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made


def clipped(gradients: Sequence[Any], training: Training) -> list[Any]:
    """Gradients by global norm or by value, as a Keras optimizer clips them."""
    if training.clip_norm:
        norm = ops.sqrt(ops.sum(ops.stack([ops.sum(ops.square(g)) for g in gradients])))
        return [g * ops.minimum(1.0, training.clip_norm / norm) for g in gradients]
    if training.clip_value:
        return [ops.clip(g, -training.clip_value, training.clip_value) for g in gradients]
    return list(gradients)


@cache
def _watched(name: str) -> Any:
    return type(KINDS[name].__name__, (Watched, KINDS[name]), {})
