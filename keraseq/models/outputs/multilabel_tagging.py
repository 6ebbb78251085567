"""Several labels a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.models.outputs.labels import Labels

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class MultiLabelTagging(Labels):
    """Any number of labels a step, such as the notes of a chord. The model gives logits, float32,
    `(batch, time, labels)`.

    Targets: int32, `(batch, time, labels)`, 1 where a label holds and 0 where not, all -1 at steps that do not count.

    Attributes:
        labels: their names, in the order of their indices.
        next_step: whether the labels of a step are what goes in at the next one, which no step may then see.
    """

    next_step: bool = False
    kind: ClassVar[str] = "multilabel_tagging"
    metric: ClassVar[str] = "nll"
    direction: ClassVar[str] = "min"
    per_step: ClassVar[bool] = True
    targets: ClassVar[str] = "steps"

    @property
    def causal(self) -> bool:
        return self.next_step

    def loss(self) -> keras.losses.Loss:
        """-log p(labels of a step), with labels taken for independent, averaged over the steps that count."""
        from keraseq.models.outputs.steps import StepBinaryCrossEntropy

        return StepBinaryCrossEntropy(self.padding)

    def metrics(self) -> list[keras.metrics.Metric]:
        """`nll`, -log p(labels of a step) in nats, as the loss, but over all steps that count."""
        from keraseq.models.outputs.steps import MeanLabelSurprise

        return [MeanLabelSurprise(self.padding)]

    def decode(self, predictions: np.ndarray, valid: np.ndarray | None = None) -> list[dict[str, Any]]:
        """The `labels` of every step that are likelier than not.

        Args:
            predictions: logits, `(batch, time, labels)`.
            valid: bool, `(batch, time)`, False at padding, which is left out; None takes all steps.
        """
        import numpy as np

        valid = np.ones(predictions.shape[:2], bool) if valid is None else valid
        return [
            {"labels": [self.holding(step) for step in row[kept]]} for row, kept in zip(predictions, valid, strict=True)
        ]
