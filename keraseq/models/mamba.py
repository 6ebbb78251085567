"""The Mamba network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq import layers
from keraseq.config import Choice, Int
from keraseq.models.family import Family
from keraseq.registry import models

if TYPE_CHECKING:
    import keras

    from keraseq.models.attend import Attend


@models.register("mamba", tags={"state_space", "causal"}, reference="arXiv:2312.00752")
@dataclass(frozen=True)
class Mamba(Family):
    """Mamba: blocks of a short convolution and a selective state space behind a gate, then a norm.

    Steps that do not have `units` features already are first projected to as many.

    Reference: Gu and Dao 2023, arXiv:2312.00752.

    Differs from the paper: dropout, and layer normalisation at the end; see `keraseq.layers.MambaBlock`.
    """

    pooling: Annotated[str, Choice("mean", "max", "last"), "how the steps become one vector: mean, max or last"] = (
        "mean"
    )
    units: Annotated[int, Int(16, 128, log=True), "features of every step within the model"] = 64
    layers: Annotated[int, Int(1, 4), "blocks, one on top of the other"] = 2
    state: Annotated[int, Choice(4, 8, 16), "states of each feature of a state space"] = 8
    expand: Annotated[int, Choice(1, 2), "features within a block, as a multiple of units"] = 2
    kernel_size: Annotated[int, Choice(2, 4), "taps of each convolution"] = 4

    width: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("layers", "state", "expand", "kernel_size")

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        if x.shape[-1] != self.units:
            x = keras.layers.Dense(self.units, name="projection")(x)
        for i in range(self.layers):
            x = layers.MambaBlock(
                self.state,
                expand=float(self.expand),
                kernel_size=self.kernel_size,
                dropout=self.dropout,
                name=f"block_{i}",
            )(x)
            x = attend(x) if attend else x
        return keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
