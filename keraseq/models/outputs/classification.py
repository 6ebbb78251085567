"""One label for a whole sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.config import check
from keraseq.models.outputs.base import OutputKind

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Classification(OutputKind):
    """One label for a whole sequence. The model gives logits, float32, shape `(batch, classes)`.

    Attributes:
        labels: names of the classes, in the order of their indices.
        label_smoothing: ε, the share of the probability that the loss spreads over all classes, in [0, 1). 0 is off.
            Metrics know nothing of it.
    """

    labels: tuple[str, ...]
    label_smoothing: float = 0.0
    kind: ClassVar[str] = "classification"
    metric: ClassVar[str] = "accuracy"
    direction: ClassVar[str] = "max"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(map(str, self.labels)))
        check(len(self.labels) >= 2, f"classification needs at least 2 labels; got {len(self.labels)}")
        check(0 <= self.label_smoothing < 1, f"label_smoothing must be in [0, 1); got {self.label_smoothing}")

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, features)` → logits `(batch, classes)`, in float32 whatever the precision of the model."""
        import keras

        return keras.layers.Dense(len(self.labels), dtype="float32", name="logits")(x)

    def loss(self) -> keras.losses.Loss:
        """Cross-entropy of integer labels against logits, with label smoothing."""
        from keraseq.models.outputs.cross_entropy import CrossEntropy

        return CrossEntropy(self.label_smoothing)

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
