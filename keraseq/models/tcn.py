"""The temporal convolutional network."""

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


@models.register(
    "tcn",
    aliases=("temporal_convolutional_network",),
    tags={"convolutional", "causal"},
    reference="arXiv:1803.01271",
)
@dataclass(frozen=True)
class TCN(Family):
    """Temporal convolutional network: residual blocks of two causal convolutions, dilated 1, 2, 4, … by block.

    The last step sees `1 + 2 (kernel_size - 1) (2^levels - 1)` steps; see `receptive_field`.

    Reference: Bai, Kolter, Koltun 2018, arXiv:1803.01271.

    Differs from the paper: weights start as He normal, not N(0, 0.01).
    """

    pooling: Annotated[str, Choice("mean", "max", "last"), "how the steps become one vector: mean, max or last"] = (
        "last"
    )
    filters: Annotated[int, Int(16, 128, log=True), "channels of every block"] = 64
    kernel_size: Annotated[int, Choice(2, 3, 5, 7), "taps of each convolution"] = 3
    levels: Annotated[int, Int(3, 8), "blocks; each doubles the dilation"] = 6
    weight_norm: Annotated[bool, Choice(False, True), "whether length and direction of filters are learned apart"] = (
        True
    )

    width: ClassVar[str] = "filters"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("kernel_size", "levels")

    @property
    def receptive_field(self) -> int:
        """Steps that the last step sees."""
        return 1 + 2 * (self.kernel_size - 1) * (2**self.levels - 1)

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        for i in range(self.levels):
            x = layers.TCNBlock(
                self.filters,
                self.kernel_size,
                dilation_rate=2**i,
                dropout=self.dropout,
                weight_norm=self.weight_norm,
                name=f"block_{i}",
            )(x)
            x = attend(x) if attend else x
        return x
