"""The convolutional network."""

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


@models.register("cnn", tags={"convolutional"}, reference="arXiv:1408.5882")
@dataclass(frozen=True)
class CNN(Family):
    """Convolutional network: a stack of centred convolutions of full length.

    Each layer is `dropout(relu(norm(conv(x))))`, norm being layer normalisation. The receptive field is
    `1 + layers · (kernel_size - 1)` steps, see `receptive_field`; the maximum over time makes what was found
    independent of where.

    Reference: Kim 2014, arXiv:1408.5882.

    Differs from the paper: one kernel size and several layers, where the paper has one layer of several sizes;
    normalisation.
    """

    pooling: Annotated[str, Choice("mean", "max"), "how the steps become one vector: mean, max or last"] = "max"
    filters: Annotated[int, Int(16, 128, log=True), "channels of every layer"] = 64
    kernel_size: Annotated[int, Choice(3, 5, 7, 9), "taps of each convolution"] = 5
    layers: Annotated[int, Int(1, 4), "convolutions, one on top of the other"] = 2

    width: ClassVar[str] = "filters"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("kernel_size", "layers")

    @property
    def receptive_field(self) -> int:
        """Steps that a step sees, itself in the middle."""
        return 1 + self.layers * (self.kernel_size - 1)

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        for i in range(self.layers):
            x = layers.Conv1D(self.filters, self.kernel_size, causal=False, name=f"convolution_{i}")(x)
            x = keras.layers.LayerNormalization(epsilon=1e-5, name=f"norm_{i}")(x)
            x = keras.layers.ReLU(name=f"relu_{i}")(x)
            x = keras.layers.Dropout(self.dropout, name=f"dropout_{i}")(x)
        return x
