"""The optimizer that a `Training` describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keraseq.training.settings import Training

if TYPE_CHECKING:
    import keras


def optimizer(training: Training, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with linear warm-up, cosine decay and clipping by global norm as `training` asks; biases do not decay.

    Args:
        training: settings.
        steps: batches of the whole run, over which warm-up and decay are spread.
    """
    import keras

    rate: float | keras.optimizers.schedules.LearningRateSchedule = training.learning_rate
    steps = max(1, steps // training.accumulate)
    if training.warmup or training.decay == "cosine":
        warmup = round(training.warmup * steps)
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else training.learning_rate,
            decay_steps=max(1, steps - warmup),
            alpha=0.0 if training.decay == "cosine" else 1.0,
            warmup_target=training.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    adamw = keras.optimizers.AdamW(
        rate,
        weight_decay=training.weight_decay,
        global_clipnorm=training.clip_norm,
        gradient_accumulation_steps=training.accumulate if training.accumulate > 1 else None,
    )
    adamw.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return adamw
