"""How far back a model sees in effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keraseq.config import check
from keraseq.diagnostics.gradients import step_norms
from keraseq.diagnostics.parts import run
from keraseq.ops.compiled import gradient


@dataclass(frozen=True)
class ReceptiveField:
    """How strongly the output at one step depends on the inputs around it.

    Attributes:
        step: the step of that output.
        influence: `‖∂y_step/∂x_t‖` of each step t, the mean over rows, `(time,)`.
    """

    step: int
    influence: np.ndarray

    def span(self, share: float = 0.95) -> int:
        """Steps, from that of the output backwards, that carry `share` of the influence of it and all before it."""
        back = self.influence[: self.step + 1][::-1]
        if not back.sum():
            return 0
        return int(np.searchsorted(np.cumsum(back) / back.sum(), share - 1e-9)) + 1

    @property
    def looks_ahead(self) -> bool:
        """Whether any later step has influence."""
        return bool(self.influence[self.step + 1 :].any())


def effective_receptive_field(
    model: keras.Model, inputs: Any, step: int | None = None, seed: int = 0
) -> ReceptiveField:
    """The influence of every step on the backbone's output at one of them.

        influence_t = mean over rows of ‖∂(u · y_step)/∂x_t‖₂,   u a random direction

    Args:
        model: fresh or trained, from `keraseq.create_model`.
        inputs: a batch of what the model takes, without padding.
        step: of the output, in [0, time); the last one by default.
        seed: of u.

    Raises:
        UsageError: a step outside the sequence, or a model of another form.

    Reference: Luo et al. 2016, arXiv:1701.04128.

    Differs from the paper: one dimension, and a random direction of the output in place of one unit.
    """
    before = run(model, inputs)
    x = before.entered
    time = x.shape[1]
    step = time - 1 if step is None else step
    check(0 <= step < time, f"step must be in [0, {time}); got {step}")
    direction = np.random.default_rng(seed).normal(size=before.backbone.shape[-1]).astype("float32")

    def projection(x: Any) -> Any:
        y = run(model, inputs, x).backbone
        return ops.sum(ops.cast(y[:, step], "float32") * direction)

    return ReceptiveField(step, step_norms(gradient(projection, x)).mean(axis=0))
