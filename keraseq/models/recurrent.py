"""What the recurrent families share: a stack of recurrent layers."""

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
class RecurrentFamily(Family):
    """A stack of recurrent layers with dropout between them and before the head."""

    pooling: Annotated[str, Choice("mean", "max", "last"), "how the steps become one vector: mean, max or last"] = (
        "last"
    )
    units: Annotated[int, Int(16, 128, log=True), "size of the state of each layer and direction"] = 64
    layers: Annotated[int, Int(1, 3), "recurrent layers, one on top of the other"] = 1
    bidirectional: Annotated[bool, Choice(False, True), "whether each layer also runs from the end to the start"] = (
        False
    )

    width: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("layers")

    @abstractmethod
    def layer(self, name: str) -> Any:
        """One recurrent layer."""

    def is_causal(self) -> bool:
        return not self.bidirectional

    def directed(self, causal: bool) -> Self:
        return replace(self, bidirectional=not causal)

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        for i in range(self.layers):
            if i > 0:
                x = keras.layers.Dropout(self.dropout, name=f"dropout_{i}")(x)
            if self.bidirectional:
                x = layers.Bidirectional(self.layer(f"layer_{i}"), name=f"bidirectional_{i}")(x)
            else:
                x = self.layer(f"layer_{i}")(x)
            x = attend(x) if attend else x
        return x

    def pool(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """As any family; the last state of a backward direction is the one at the first step."""
        kind = "ends" if self.bidirectional and self.pooling == "last" else self.pooling
        return layers.Pooling(kind, name="pooling")(x)

    def outgoing(self, x: keras.KerasTensor) -> keras.KerasTensor:
        import keras

        return keras.layers.Dropout(self.dropout, name="dropout")(x)
