"""The diagonal state-space network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from keraseq import layers
from keraseq.config import Choice, Float, check
from keraseq.models.state_space import StateSpaceFamily
from keraseq.registry import models

KINDS = ("linear", "inverse")


@models.register("s4d", tags={"state_space", "causal"}, reference="arXiv:2206.11893")
@dataclass(frozen=True)
class S4D(StateSpaceFamily):
    """Diagonal state spaces in a deep residual network: each feature drives complex states that turn and fade.

    Each block is a `keraseq.layers.GatedBlock`: norm, S4D, GELU, gated linear unit, residual connection.

    Reference: Gu et al. 2022, arXiv:2206.11893.

    Differs from the paper: see `keraseq.layers.S4D`; one learning rate for all weights, where the paper gives A and Δ
    a smaller one.
    """

    state: Annotated[int, Choice(8, 16, 32), "complex states of each feature"] = 16
    kind: Annotated[str, Choice(*KINDS), "how A starts: linear or inverse"] = "linear"
    dt_max: Annotated[float, Float(0.03, 0.5, log=True), "greatest step size at the start; the least is 0.001"] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("state")
        check(self.kind in KINDS, f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        check(self.dt_max > 0.001, f"dt_max must be above 0.001; got {self.dt_max}")

    def layer(self, name: str) -> Any:
        return layers.S4D(self.state, kind=self.kind, dt_max=self.dt_max, name=name)
