"""The steps that come next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.config import check
from keraseq.models.outputs.base import OutputKind

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Forecasting(OutputKind):
    """The next `horizon` steps of the series that went in. The model gives float32, `(batch, horizon, size)`.

    Targets: float32, of that shape.

    Attributes:
        horizon: steps foretold.
        size: numbers a step.
        reversible: whether the model sees each window with mean 0 and deviation 1, and what it foretells is scaled
            back by the same mean and deviation (Kim et al. 2022, reversible instance normalisation, without learned
            gains): a forecast then follows the level of its own window.
    """

    horizon: int
    size: int = 1
    reversible: bool = True
    kind: ClassVar[str] = "forecasting"
    metric: ClassVar[str] = "mse"
    direction: ClassVar[str] = "min"
    target_dtype: ClassVar[str] = "float32"

    def __post_init__(self) -> None:
        for name in ("horizon", "size"):
            check(getattr(self, name) >= 1, f"{name} must be at least 1; got {getattr(self, name)}")

    @property
    def target_shape(self) -> tuple[int, ...]:
        return (self.horizon, self.size)

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, features)` → `(batch, horizon, size)`, in float32 whatever the precision of the model."""
        import keras

        y = keras.layers.Dense(self.horizon * self.size, dtype="float32", name="prediction")(x)
        return keras.layers.Reshape((self.horizon, self.size), dtype="float32", name="forecast")(y)

    def loss(self) -> keras.losses.Loss:
        """Mean squared error."""
        from keraseq.models.outputs.squared_error import SequenceSquaredError

        return SequenceSquaredError()

    def metrics(self) -> list[keras.metrics.Metric]:
        """Mean squared and mean absolute error, over all steps and numbers."""
        import keras

        return [keras.metrics.MeanSquaredError(name="mse"), keras.metrics.MeanAbsoluteError(name="mae")]

    def decode(self, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Each row as its `forecast`: a list of `horizon` numbers, or of lists where `size` is above 1."""
        return [{"forecast": (row[:, 0] if self.size == 1 else row).tolist()} for row in predictions]
