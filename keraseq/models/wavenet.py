"""WaveNet."""

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


@models.register("wavenet", tags={"convolutional", "causal"}, reference="arXiv:1609.03499")
@dataclass(frozen=True)
class WaveNet(Family):
    """WaveNet: gated causal convolutions, dilated 1, 2, 4, … and again from 1, whose skip connections are summed.

        z_i = tanh(W_f * x_i) · σ(W_g * x_i),   x_(i+1) = x_i + R_i z_i,   y = relu(P relu(Σ_i S_i z_i))

    behind a causal convolution that gives x_0. The last step sees
    `1 + (kernel_size - 1) (1 + stacks (2^levels - 1))` steps; see `receptive_field`.

    Reference: van den Oord et al. 2016, arXiv:1609.03499.

    Differs from the paper: it models any sequence, so inputs are features or embedded tokens, and the last dense layer
    is the task's; biases; dropout before each gated convolution; in a decoder z_i reads from the encoder, in place of
    the paper's conditioning inside the gates.
    """

    pooling: Annotated[str, Choice("mean", "max", "last"), "how the steps become one vector: mean, max or last"] = (
        "last"
    )
    filters: Annotated[int, Int(16, 128, log=True), "channels of every convolution and skip connection"] = 64
    kernel_size: Annotated[int, Choice(2, 3), "taps of each convolution"] = 2
    levels: Annotated[int, Int(3, 7), "gated convolutions in a stack; each doubles the dilation"] = 6
    stacks: Annotated[int, Int(1, 2), "stacks, each dilated from 1 again"] = 2

    width: ClassVar[str] = "filters"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("kernel_size", "levels", "stacks")

    @property
    def receptive_field(self) -> int:
        """Steps that the last step sees."""
        return 1 + (self.kernel_size - 1) * (1 + self.stacks * (2**self.levels - 1))

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        x = layers.Conv1D(self.filters, self.kernel_size, name="entry")(x)
        skips = []
        for i in range(self.stacks * self.levels):
            z = keras.layers.Dropout(self.dropout, name=f"dropout_{i}")(x)
            z = layers.GatedConv1D(
                self.filters, self.kernel_size, dilation_rate=2 ** (i % self.levels), name=f"gated_{i}"
            )(z)
            z = attend(z) if attend else z
            skips.append(keras.layers.Dense(self.filters, name=f"skip_{i}")(z))
            if i + 1 < self.stacks * self.levels:
                x = keras.layers.Add(name=f"add_{i}")([x, keras.layers.Dense(self.filters, name=f"residual_{i}")(z)])
        y = keras.layers.Add(name="skips")(skips) if len(skips) > 1 else skips[0]
        y = keras.layers.Dense(self.filters, name="post")(keras.layers.ReLU(name="skips_relu")(y))
        return keras.layers.ReLU(name="post_relu")(y)
