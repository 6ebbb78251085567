"""An attention-free Transformer. Importing it imports no Keras: the layer is looked up when a model is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Int
from keraseq.models import Family
from keraseq.registry import layers, models

if TYPE_CHECKING:
    import keras

    from keraseq.models.attend import Attend


@models.register("aft", tags={"attention", "causal"}, reference="arXiv:2105.14103")
@dataclass(frozen=True)
class AFT(Family):
    """Attention-free Transformer: residual blocks of a running weighted mean and a dense layer.

    Reference: Zhai et al. 2021, arXiv:2105.14103.

    Differs from the paper: one dense layer in place of the feed-forward network.
    """

    units: Annotated[int, Int(16, 128, log=True), "features of every step within the model"] = 64
    depth: Annotated[int, Int(1, 3), "blocks, one on top of the other"] = 2

    width: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("depth")

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        x = keras.layers.Dense(self.units, name="projection")(x)
        for i in range(self.depth):
            y = keras.layers.LayerNormalization(epsilon=1e-5, name=f"norm_{i}")(x)
            y = layers.get("aft_simple")(self.units, name=f"attention_{i}")(y)
            y = keras.layers.Dense(self.units, activation="gelu", name=f"mix_{i}")(y)
            x = keras.layers.Add(name=f"block_{i}")([x, keras.layers.Dropout(self.dropout, name=f"dropout_{i}")(y)])
            x = attend(x) if attend else x
        return x
