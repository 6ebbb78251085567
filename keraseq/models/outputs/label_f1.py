"""F1 of labels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keraseq")
class LabelF1(keras.metrics.Metric):
    """F1 over all labels of all sequences since the last reset (micro F1), in [0, 1]; 0 where no label is.

        F1 = 2 right / (found + wanted)

    A label is found where its logit is above 0. Exact up to 2^24 labels.

    Call:
        y_true: int `(batch, labels)`, 0 or 1. y_pred: logits of that shape. sample_weight: of sequences, `(batch,)`.
    """

    def __init__(self, name: str = "f1", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.right = self.add_variable(shape=(), initializer="zeros", name="right")
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        wanted, found = (ops.cast(side > 0, "float32") for side in (y_true, y_pred))
        weight = 1.0 if sample_weight is None else ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        self.right.assign_add(ops.sum(weight * wanted * found))
        self.total.assign_add(ops.sum(weight * (wanted + found)))

    def result(self) -> Any:
        return ops.divide_no_nan(2 * self.right.value, self.total.value)
