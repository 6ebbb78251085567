"""What a model is asked for: output kinds, each with its head, loss, metrics and decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.config import check, settings_of

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Classification:
    """One label for a whole sequence. The model gives logits, float32, shape `(batch, classes)`.

    Attributes:
        labels: names of the classes, in the order of their indices.
    """

    labels: tuple[str, ...]
    kind: ClassVar[str] = "classification"
    metric: ClassVar[str] = "accuracy"
    direction: ClassVar[str] = "max"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(map(str, self.labels)))
        check(len(self.labels) >= 2, f"classification needs at least 2 labels; got {len(self.labels)}")

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, features)` → logits `(batch, classes)`, in float32 whatever the precision of the model."""
        import keras

        return keras.layers.Dense(len(self.labels), dtype="float32", name="logits")(x)

    def loss(self) -> keras.losses.Loss:
        """Cross-entropy of integer labels against logits."""
        import keras

        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Accuracy, in [0, 1]."""
        import keras

        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]

    def decode(self, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Each row of logits as its likeliest `label` and the `probability` of it."""
        import numpy as np

        odds = np.exp(predictions - predictions.max(axis=-1, keepdims=True))
        probabilities = odds / odds.sum(axis=-1, keepdims=True)
        return [{"label": self.labels[row.argmax()], "probability": float(row.max())} for row in probabilities]


@dataclass(frozen=True)
class Regression:
    """`size` real numbers for a whole sequence. The model gives them as float32, shape `(batch, size)`."""

    size: int = 1
    kind: ClassVar[str] = "regression"
    metric: ClassVar[str] = "mse"
    direction: ClassVar[str] = "min"

    def __post_init__(self) -> None:
        check(self.size >= 1, f"size must be at least 1; got {self.size}")

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


Output = Classification | Regression


def to_json(output: Output) -> dict[str, Any]:
    """The specification as plain data."""
    return {"kind": output.kind, **settings_of(output)}


def from_json(data: dict[str, Any]) -> Output:
    """The specification that `to_json` wrote."""
    kinds = {kind.kind: kind for kind in (Classification, Regression)}
    settings = dict(data)
    return kinds[settings.pop("kind")](**settings)
