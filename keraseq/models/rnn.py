"""The simple recurrent network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keraseq import layers
from keraseq.models.recurrent import RecurrentFamily
from keraseq.registry import models


@models.register(
    "rnn", aliases=("vanilla_rnn",), tags={"recurrent", "causal"}, reference="doi:10.1207/s15516709cog1402_1"
)
@dataclass(frozen=True)
class RNN(RecurrentFamily):
    """Simple recurrent network: a stack of Elman layers, `h_t = tanh(W x_t + b + U h_(t-1))`.

    The oldest of the family, and the first to forget.

    Reference: Elman 1990, doi:10.1207/s15516709cog1402_1.
    """

    def layer(self, name: str) -> Any:
        return layers.SimpleRNN(self.units, name=name)
