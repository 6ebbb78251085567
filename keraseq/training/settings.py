"""The settings of a training run, with the ranges in which a search samples them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from keraseq.config import Float, check

DECAYS = ("none", "cosine", "inverse_sqrt", "one_cycle", "plateau")
OPTIMIZERS = ("adamw", "lion", "rmsprop", "sgd")
RISING = {"one_cycle": 0.3, "plateau": 0.0}  # share of all steps that warms up unless told otherwise; else 0.02


@dataclass(frozen=True)
class Training:
    """How a model is trained, with early stopping on validation.

    Optimizers: AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), Lion (Chen et al. 2023, arXiv:2302.06675), RMSprop
    (Hinton 2012) and SGD with Nesterov's momentum; weight decay is decoupled in all of them.
    """

    epochs: Annotated[int, "most passes over the training split"] = 12
    optimizer: Annotated[str, f"one of {', '.join(OPTIMIZERS)}"] = "adamw"
    momentum: Annotated[float, "of sgd, in [0, 1)"] = 0.9
    learning_rate: Annotated[float, Float(5e-4, 1e-2, log=True), "highest step size"] = 2e-3
    warmup: Annotated[
        float | None, "share of all steps in which the step size rises, in [0, 1); null: 0.02, for one_cycle 0.3"
    ] = None
    decay: Annotated[
        str,
        "how the step size falls: none, cosine (to zero), inverse_sqrt, one_cycle (up and down again), "
        "plateau (to half after 2 epochs without improvement)",
    ] = "none"
    weight_decay: Annotated[float, Float(1e-5, 1e-1, log=True), "decoupled decay of matrices"] = 1e-4
    clip_norm: Annotated[float | None, "largest global norm of the gradient; null is off"] = 1.0
    clip_value: Annotated[float | None, "largest value in the gradient; null is off"] = None
    clip_adaptive: Annotated[
        float | None, "largest norm of a unit's gradient relative to that of its weights; null is off"
    ] = None
    average: Annotated[
        float | None, "weights are their moving average that keeps so much of itself a step, in (0, 1); null is off"
    ] = None
    accumulate: Annotated[int, "batches whose mean gradient makes one step"] = 1
    steps_per_execution: Annotated[int, "batches that TensorFlow or JAX runs before Python looks again"] = 1
    patience: Annotated[int | None, "epochs without improvement before stopping; null never stops"] = 5
    label_smoothing: Annotated[
        float | None, "share of the probability that the loss spreads over all classes, in [0, 1); null: the task's"
    ] = None
    jit_compile: Annotated[bool | str, "XLA: true, false, or auto (measured, where it may pay)"] = "auto"

    def __post_init__(self) -> None:
        check(self.epochs >= 1, f"epochs must be at least 1; got {self.epochs}")
        check(self.learning_rate > 0, f"learning_rate must be above 0; got {self.learning_rate}")
        check(self.optimizer in OPTIMIZERS, f"optimizer must be one of {', '.join(OPTIMIZERS)}; got {self.optimizer!r}")
        check(0 <= self.momentum < 1, f"momentum must be in [0, 1); got {self.momentum}")
        check(0 <= self.rising < 1, f"warmup must be in [0, 1), a share of all steps; got {self.warmup}")
        check(
            self.decay != "plateau" or self.rising == 0,
            f"decay 'plateau' sets the step size by validation and has no warm-up; got warmup={self.warmup}: leave it "
            "out, or choose decay 'cosine'",
        )
        check(self.decay in DECAYS, f"decay must be one of {', '.join(DECAYS)}; got {self.decay!r}")
        check(self.weight_decay >= 0, f"weight_decay must be 0 or more; got {self.weight_decay}")
        for name in ("clip_norm", "clip_value", "clip_adaptive"):
            value = getattr(self, name)
            check(value is None or value > 0, f"{name} must be above 0 or null; got {value}")
        check(
            self.clip_norm is None or self.clip_value is None,
            f"gradients are clipped by norm or by value; got clip_norm={self.clip_norm} and "
            f"clip_value={self.clip_value}: set one of them to null",
        )
        check(self.average is None or 0 < self.average < 1, f"average must be in (0, 1) or null; got {self.average}")
        for name in ("accumulate", "steps_per_execution"):
            check(getattr(self, name) >= 1, f"{name} must be at least 1; got {getattr(self, name)}")
        check(self.patience is None or self.patience >= 1, f"patience must be at least 1 or null; got {self.patience}")
        smoothing = self.label_smoothing
        check(smoothing is None or 0 <= smoothing < 1, f"label_smoothing must be in [0, 1) or null; got {smoothing}")
        check(
            self.jit_compile in (True, False, "auto"),
            f"jit_compile must be true, false or auto; got {self.jit_compile!r}",
        )

    @property
    def rising(self) -> float:
        """Share of all steps in which the step size rises, in [0, 1)."""
        return RISING.get(self.decay, 0.02) if self.warmup is None else self.warmup
