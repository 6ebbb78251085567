"""The network of linear recurrent units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from keraseq import layers
from keraseq.config import Choice, check
from keraseq.models.state_space import StateSpaceFamily
from keraseq.registry import models


@models.register("lru", tags={"state_space", "causal"}, reference="arXiv:2303.06349")
@dataclass(frozen=True)
class LRU(StateSpaceFamily):
    """Linear recurrent units in a deep residual network: a complex state whose parts turn and fade, each at its pace.

    Each block is a `keraseq.layers.GatedBlock`: norm, LRU, GELU, gated linear unit, residual connection.

    Reference: Orvieto et al. 2023, arXiv:2303.06349.

    Differs from the paper: layer for batch normalisation; one learning rate for all weights, where the paper gives λ
    and γ a smaller one.
    """

    state: Annotated[int, Choice(16, 32, 64, 128), "size of the complex state of a block"] = 64
    r_min: Annotated[float, Choice(0.0, 0.5, 0.9), "least |λ| at the start; near 1 for long memory"] = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("state")
        check(0 <= self.r_min < 0.999, f"r_min must be in [0, 0.999); got {self.r_min}")

    def layer(self, name: str) -> Any:
        return layers.LRU(self.state, r_min=self.r_min, name=name)
