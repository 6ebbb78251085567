"""The minimal gated recurrent network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from keraseq import layers
from keraseq.config import Int
from keraseq.models.recurrent import RecurrentFamily
from keraseq.registry import models


@models.register("min_gru", tags={"recurrent", "causal"}, reference="arXiv:2410.01201")
@dataclass(frozen=True)
class MinGRU(RecurrentFamily):
    """Minimal gated recurrent network: a stack of layers `h_t = (1 - z_t) * h_(t-1) + z_t * n_t`, all steps at once.

    Gates of the first layer see one input each; those of the next see what came before it too.

    Reference: Feng et al. 2024, arXiv:2410.01201.

    Differs from the paper: candidates may be negative; no convolutions or feed-forward networks between the layers. See
    `keraseq.layers.MinGRU`.
    """

    layers: Annotated[int, Int(1, 3), "recurrent layers, one on top of the other"] = 3

    def layer(self, name: str) -> Any:
        return layers.MinGRU(self.units, name=name)
