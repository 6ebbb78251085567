"""The settings of a training run, with the ranges in which a search samples them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from keraseq.config import Float, check

DECAYS = ("none", "cosine")


@dataclass(frozen=True)
class Training:
    """How a model is trained: AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) with early stopping on validation."""

    epochs: Annotated[int, "most passes over the training split"] = 12
    learning_rate: Annotated[float, Float(5e-4, 1e-2, log=True), "highest step size of AdamW"] = 2e-3
    warmup: Annotated[float, "share of all steps in which the step size rises from zero, in [0, 1)"] = 0.02
    decay: Annotated[str, "how the step size falls over all steps: none or cosine (to zero)"] = "none"
    weight_decay: Annotated[float, Float(1e-5, 1e-1, log=True), "decoupled decay of matrices"] = 1e-4
    clip_norm: Annotated[float | None, "largest global norm of the gradient; null is off"] = 1.0
    accumulate: Annotated[int, "batches whose mean gradient makes one step"] = 1
    patience: Annotated[int | None, "epochs without improvement before stopping; null never stops"] = 5
    jit_compile: Annotated[bool | str, "XLA: true, false, or auto (where it is likely to pay)"] = "auto"

    def __post_init__(self) -> None:
        check(self.epochs >= 1, f"epochs must be at least 1; got {self.epochs}")
        check(self.learning_rate > 0, f"learning_rate must be above 0; got {self.learning_rate}")
        check(0 <= self.warmup < 1, f"warmup must be in [0, 1), a share of all steps; got {self.warmup}")
        check(self.decay in DECAYS, f"decay must be one of {', '.join(DECAYS)}; got {self.decay!r}")
        check(self.weight_decay >= 0, f"weight_decay must be 0 or more; got {self.weight_decay}")
        check(self.clip_norm is None or self.clip_norm > 0, f"clip_norm must be above 0 or null; got {self.clip_norm}")
        check(self.accumulate >= 1, f"accumulate must be at least 1; got {self.accumulate}")
        check(self.patience is None or self.patience >= 1, f"patience must be at least 1 or null; got {self.patience}")
        check(
            self.jit_compile in (True, False, "auto"),
            f"jit_compile must be true, false or auto; got {self.jit_compile!r}",
        )
