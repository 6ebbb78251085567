"""What the state-space families share: deep residual stacks of state spaces and gates."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from keraseq import layers
from keraseq.config import Choice, Int
from keraseq.models.family import Family

if TYPE_CHECKING:
    import keras

    from keraseq.models.attend import Attend


@dataclass(frozen=True)
class StateSpaceFamily(Family):
    """Blocks of a state space, which mixes steps, and a gate, which mixes features, then a norm.

    Steps that do not have `units` features already are first projected to as many.
    """

    pooling: Annotated[str, Choice("mean", "max", "last"), "how the steps become one vector: mean, max or last"] = (
        "mean"
    )
    units: Annotated[int, Int(16, 128, log=True), "features of every step within the model"] = 64
    layers: Annotated[int, Int(1, 4), "blocks, one on top of the other"] = 3
    bidirectional: Annotated[bool, Choice(False, True), "whether each block also runs from the end to the start"] = (
        False
    )

    width: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("layers")

    @abstractmethod
    def layer(self, name: str) -> Any:
        """One state space, from `units` features to as many."""

    def is_causal(self) -> bool:
        return not self.bidirectional

    def directed(self, causal: bool) -> Self:
        return replace(self, bidirectional=not causal)

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        if x.shape[-1] != self.units:
            x = keras.layers.Dense(self.units, name="projection")(x)
        for i in range(self.layers):
            layer = self.layer(f"layer_{i}")
            x = layers.GatedBlock(layer, self.bidirectional, dropout=self.dropout, name=f"block_{i}")(x)
            x = attend(x) if attend else x
        return keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
