"""A family of leaky integrators. Importing it imports no Keras: the layer is looked up when a model is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Int
from keraseq.models import Family
from keraseq.registry import layers, models

if TYPE_CHECKING:
    import keras


@models.register("leaky", tags={"recurrent", "causal"}, reference="Jaeger et al. 2007, Neural Networks 20")
@dataclass(frozen=True)
class Leaky(Family):
    """Leaky integrators with a dense layer between them: memory without gates.

    Reference: Jaeger et al. 2007, Neural Networks 20.

    Differs from the paper: all weights are learned by gradient descent.
    """

    units: Annotated[int, Int(16, 256, log=True), "integrators of every layer"] = 64
    depth: Annotated[int, Int(1, 3), "layers, one on top of the other"] = 2

    width: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("depth")

    def backbone(self, x: keras.KerasTensor) -> keras.KerasTensor:
        import keras

        for i in range(self.depth):
            x = layers.get("leaky_integrator")(self.units, name=f"integrator_{i}")(x)
            x = keras.layers.Dense(self.units, activation="gelu", name=f"mix_{i}")(x)
        return x
