"""One label a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.config import check
from keraseq.models.outputs.base import OutputKind

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Tagging(OutputKind):
    """One label a step. The model gives logits, float32, shape `(batch, time, classes)`.

    Targets: int32, `(batch, time)`, -1 at steps that do not count: padding, or steps for which nothing is asked.

    Attributes:
        labels: names of the classes, in the order of their indices.
        label_smoothing: ε, the share of the probability that the loss spreads over all classes, in [0, 1). 0 is off.
            Metrics know nothing of it.
    """

    labels: tuple[str, ...]
    label_smoothing: float = 0.0
    kind: ClassVar[str] = "tagging"
    metric: ClassVar[str] = "accuracy"
    direction: ClassVar[str] = "max"
    per_step: ClassVar[bool] = True
    targets: ClassVar[str] = "steps"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(map(str, self.labels)))
        check(len(self.labels) >= 2, f"tagging needs at least 2 labels; got {len(self.labels)}")
        check(0 <= self.label_smoothing < 1, f"label_smoothing must be in [0, 1); got {self.label_smoothing}")

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, time, features)` → logits `(batch, time, classes)`, in float32 whatever the model's precision."""
        import keras

        return keras.layers.Dense(len(self.labels), dtype="float32", name="logits")(x)

    def loss(self) -> keras.losses.Loss:
        """Cross-entropy with label smoothing, averaged over the steps that count."""
        from keraseq.models.outputs.steps import StepCrossEntropy

        return StepCrossEntropy(self.padding, self.label_smoothing)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Accuracy, in [0, 1], and cross-entropy in nats, over all steps that count."""
        from keraseq.models.outputs.steps import MeanSurprise, StepAccuracy

        return [StepAccuracy(self.padding), MeanSurprise(self.padding)]

    def decode(self, predictions: np.ndarray, valid: np.ndarray | None = None) -> list[dict[str, Any]]:
        """The likeliest `labels` of each sequence and their `probabilities`.

        Args:
            predictions: logits, `(batch, time, classes)`.
            valid: bool, `(batch, time)`, False at padding, which is left out; None takes all steps.
        """
        import numpy as np

        odds = np.exp(predictions - predictions.max(axis=-1, keepdims=True))
        probabilities = odds.max(axis=-1) / odds.sum(axis=-1)  # (batch, time)
        best = predictions.argmax(axis=-1)
        valid = np.ones(best.shape, bool) if valid is None else valid
        return [
            {"labels": [self.labels[k] for k in best[i, kept]], "probabilities": probabilities[i, kept].tolist()}
            for i, kept in enumerate(valid)
        ]
