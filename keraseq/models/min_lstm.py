"""The minimal long short-term memory network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from keraseq import layers
from keraseq.config import Int
from keraseq.models.recurrent import RecurrentFamily
from keraseq.registry import models


@models.register("min_lstm", tags={"recurrent", "causal"}, reference="arXiv:2410.01201")
@dataclass(frozen=True)
class MinLSTM(RecurrentFamily):
    """Minimal long short-term memory: a stack of layers `h_t = f_t * h_(t-1) + i_t * n_t`, all steps at once.

    Its two gates sum to one; those of the first layer see one input each, those of the next what came before it too.

    Reference: Feng et al. 2024, arXiv:2410.01201.

    Differs from the paper: candidates may be negative; no convolutions or feed-forward networks between the layers. See
    `keraseq.layers.MinLSTM`.
    """

    layers: Annotated[int, Int(1, 3), "recurrent layers, one on top of the other"] = 3

    def layer(self, name: str) -> Any:
        return layers.MinLSTM(self.units, name=name)
