"""What outputs that ask for any number of labels share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keraseq.config import check
from keraseq.models.outputs.base import OutputKind

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Labels(OutputKind):
    """Any number of labels, of which each holds or not. The model gives a logit for each, float32, `(…, labels)`.

    Attributes:
        labels: their names, in the order of their indices.
    """

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(map(str, self.labels)))
        check(len(self.labels) >= 1, f"{self.kind.replace('_', ' ')} needs at least 1 label; got none")

    @property
    def target_shape(self) -> tuple[int, ...]:
        return (len(self.labels),)

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(…, features)` → logits `(…, labels)`, in float32 whatever the precision of the model."""
        import keras

        return keras.layers.Dense(len(self.labels), dtype="float32", name="logits")(x)

    def holding(self, logits: np.ndarray) -> list[str]:
        """The labels that are likelier than not, by logits `(labels,)`."""
        import numpy as np

        return [self.labels[k] for k in np.flatnonzero(logits > 0)]
