"""Cross-entropy of a class against logits, for whole sequences and for steps."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keraseq")
class CrossEntropy(keras.losses.Loss):
    """Cross-entropy of classes against logits, averaged over the batch: see `cross_entropy`.

    Args:
        label_smoothing: ε, in [0, 1). 0 is off.

    Call:
        y_true: int `(batch,)`. y_pred: logits, `(batch, classes)`. sample_weight: `(batch,)`.
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "cross_entropy"):
        super().__init__(name=name)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return cross_entropy(y_true, y_pred, self.label_smoothing)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "label_smoothing": self.label_smoothing}


def cross_entropy(y_true: Any, y_pred: Any, label_smoothing: float = 0.0) -> Any:
    """Cross-entropy of each target, float32 `(…)`, from logits `(…, classes)`; some finite number where it is < 0.

        -Σ_k q_k log p_k,  q_k = (1 - ε) [k = target] + ε / classes,  p = softmax(logits)

    Reference: Szegedy et al. 2016, arXiv:1512.00567, section 7.
    """
    target, logits = ops.maximum(ops.cast(y_true, "int32"), 0), ops.cast(y_pred, "float32")
    loss = ops.sparse_categorical_crossentropy(target, logits, from_logits=True)
    if not label_smoothing:
        return loss
    uniform = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)  # mean over classes of -log p
    return (1 - label_smoothing) * loss + label_smoothing * uniform
