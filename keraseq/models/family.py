"""What every model family has: a width, dropout, pooling and a backbone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from keraseq import layers
from keraseq.config import Choice, Float, check, settings_of
from keraseq.models.inputs import Inputs
from keraseq.registry import models

if TYPE_CHECKING:
    import keras

    from keraseq.models.attend import Attend

POOLINGS = ("mean", "max", "last")


@dataclass(frozen=True)
class Family(ABC):
    """A configuration of a model family, and how to build it.

    A family is a frozen dataclass: its fields carry default, search range and meaning.
    """

    dropout: Annotated[float, Float(0.0, 0.5), "fraction zeroed in training, of embedded tokens and in every layer"] = (
        0.1
    )
    pooling: Annotated[str, Choice("mean", "max"), "how the steps become one vector: mean, max or last"] = "mean"

    width: ClassVar[str]
    """Name of the field that sets the size of the model; tokens are embedded in as many dimensions."""

    def __post_init__(self) -> None:
        self.check_positive(self.width)
        check(0 <= self.dropout < 1, f"dropout must be in [0, 1); got {self.dropout}")
        check(self.pooling in POOLINGS, f"pooling must be one of {', '.join(POOLINGS)}; got {self.pooling!r}")

    @property
    def channels(self) -> int:
        """The value of the width field."""
        return getattr(self, self.width)

    def with_width(self, width: int) -> Self:
        """The same family at another width."""
        changed: dict[str, Any] = {self.width: width}
        return replace(self, **changed)

    def settings(self) -> dict[str, Any]:
        """All fields as plain data."""
        return settings_of(self)

    def check_inputs(self, inputs: Inputs) -> None:  # noqa: B027 (most families take all inputs)
        """Raises UsageError where the family cannot take such inputs; by default it takes all."""

    def is_causal(self) -> bool:
        """Whether no step of the backbone depends on a later one, in this configuration; by default as tagged."""
        name = models.name_of(type(self))
        return name is not None and "causal" in models.entry(name).tags

    def directed(self, causal: bool) -> Self:
        """This family, causal, or else with steps that depend on all others where the family has that.

        Raises:
            UsageError: the family cannot be causal.
        """
        check(
            not causal or self.is_causal(),
            f"{type(self).__name__} looks ahead and cannot run step by step; choose a family that is causal or can be, "
            "such as lstm, tcn, s4d or transformer",
        )
        return self

    @abstractmethod
    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        """`(batch, time, features)`, with or without mask → `(batch, time, width)`, with the same mask.

        `attend`, given in a decoder, is applied to the steps after every block: they read from the encoder.
        """

    def pool(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, time, width)` → `(batch, width)`."""
        return layers.Pooling(self.pooling, name="pooling")(x)

    def outgoing(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """What the head is given of the steps, or of what pooling made of them; by default all as it is."""
        return x

    def check_positive(self, *names: str) -> None:
        """Raises UsageError unless the fields called `names` are at least 1."""
        for name in names:
            check(getattr(self, name) >= 1, f"{name} must be at least 1; got {getattr(self, name)}")
