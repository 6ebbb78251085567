"""The long short-term memory network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keraseq import layers
from keraseq.models.recurrent import RecurrentFamily
from keraseq.registry import models


@models.register("lstm", tags={"recurrent", "causal"}, reference="doi:10.1162/neco.1997.9.8.1735")
@dataclass(frozen=True)
class LSTM(RecurrentFamily):
    """Long short-term memory: a stack of LSTM layers, `c_t = f_t * c_(t-1) + i_t * g_t`, `h_t = o_t * tanh(c_t)`.

    Reference: Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735.

    Differs from the paper: with forget gates, whose bias starts at 1; see `keraseq.layers.LSTM`.
    """

    def layer(self, name: str) -> Any:
        return layers.LSTM(self.units, name=name)
