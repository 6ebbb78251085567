"""Several labels for a whole sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.models.outputs.labels import Labels

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class MultiLabelClassification(Labels):
    """Any number of labels for a whole sequence, such as the topics of a text. The model gives logits, float32,
    `(batch, labels)`.

    Targets: int32, of that shape, 1 where a label holds and 0 where not.

    Attributes:
        labels: their names, in the order of their indices.
    """

    kind: ClassVar[str] = "multilabel_classification"
    metric: ClassVar[str] = "f1"
    direction: ClassVar[str] = "max"

    def loss(self) -> keras.losses.Loss:
        """Binary cross-entropy: -log p of each label, averaged over labels and sequences."""
        import keras

        return keras.losses.BinaryCrossentropy(from_logits=True)

    def metrics(self) -> list[keras.metrics.Metric]:
        """`f1`, over all labels of all sequences, in [0, 1], and `binary_cross_entropy`, the loss in nats."""
        import keras

        from keraseq.models.outputs.label_f1 import LabelF1

        return [LabelF1(), keras.metrics.BinaryCrossentropy("binary_cross_entropy", from_logits=True)]

    def decode(self, predictions: np.ndarray) -> list[dict[str, Any]]:
        """The `labels` of each sequence that are likelier than not, and their `probabilities`."""
        import numpy as np

        odds = 1 / (1 + np.exp(-predictions.astype("float64")))
        return [
            {"labels": self.holding(row), "probabilities": p[row > 0].tolist()}
            for row, p in zip(predictions, odds, strict=True)
        ]
