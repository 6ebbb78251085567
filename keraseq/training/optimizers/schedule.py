"""How the step size goes over a training."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.training.settings import Training

START, END = 1 / 25, 1e-4 / 25  # of one cycle, as parts of its peak


def schedule(training: Training, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The step size that `training` asks for: a number where nothing but plateaus changes it.

    Args:
        training: settings.
        steps: batches of the whole run, over which warm-up and decay are spread.
    """
    peak, steps = training.learning_rate, max(1, steps)
    rising = round(training.rising * steps)
    if training.decay == "inverse_sqrt":
        return InverseSqrt(peak, max(1, rising))
    if not rising and training.decay in ("none", "plateau"):
        return peak
    start = START * peak if training.decay == "one_cycle" else 0.0
    end = {"none": 1.0, "cosine": 0.0, "one_cycle": END}[training.decay]
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=start if rising else peak,
        decay_steps=max(1, steps - rising),
        alpha=end,
        warmup_target=peak if rising else None,
        warmup_steps=rising,
    )


class InverseSqrt(keras.optimizers.schedules.LearningRateSchedule):
    """peak · min(step / warmup, √(warmup / step)), steps counted from 1.

    Args:
        peak: highest step size, reached at step `warmup`.
        warmup: steps, at least 1.

    Reference: Vaswani et al. 2017, arXiv:1706.03762, equation 3.
    """

    def __init__(self, peak: float, warmup: int):
        self.peak, self.warmup = peak, warmup

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32") + 1
        return self.peak * ops.minimum(step / self.warmup, ops.sqrt(self.warmup / step))

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup": self.warmup}
