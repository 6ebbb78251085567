"""The gated recurrent network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keraseq import layers
from keraseq.models.recurrent import RecurrentFamily
from keraseq.registry import models


@models.register("gru", tags={"recurrent", "causal"}, reference="arXiv:1406.1078")
@dataclass(frozen=True)
class GRU(RecurrentFamily):
    """Gated recurrent network: a stack of GRU layers, `h_t = z_t * h_(t-1) + (1 - z_t) * n_t`.

    Reference: Cho et al. 2014, arXiv:1406.1078.

    Differs from the paper: the reset gate acts after the recurrent product, as in cuDNN; see `keraseq.layers.GRU`.
    """

    def layer(self, name: str) -> Any:
        return layers.GRU(self.units, name=name)
