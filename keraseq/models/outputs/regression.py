"""Real numbers for a whole sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.config import check
from keraseq.models.outputs.base import OutputKind

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Regression(OutputKind):
    """`size` real numbers for a whole sequence. The model gives them as float32, shape `(batch, size)`."""

    size: int = 1
    kind: ClassVar[str] = "regression"
    metric: ClassVar[str] = "mse"
    direction: ClassVar[str] = "min"
    target_dtype: ClassVar[str] = "float32"

    def __post_init__(self) -> None:
        check(self.size >= 1, f"size must be at least 1; got {self.size}")

    @property
    def target_shape(self) -> tuple[int, ...]:
        return (self.size,)

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, features)` → `(batch, size)`, in float32 whatever the precision of the model."""
        import keras

        return keras.layers.Dense(self.size, dtype="float32", name="prediction")(x)

    def loss(self) -> keras.losses.Loss:
        """Mean squared error."""
        import keras

        return keras.losses.MeanSquaredError()

    def metrics(self) -> list[keras.metrics.Metric]:
        """Mean squared and mean absolute error."""
        import keras

        return [keras.metrics.MeanSquaredError(name="mse"), keras.metrics.MeanAbsoluteError(name="mae")]

    def decode(self, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Each row as its `value`: a number, or a list where `size` is above 1."""
        return [{"value": row.tolist() if self.size > 1 else float(row[0])} for row in predictions]
