"""The loss of forecasts."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keraseq")
class SequenceSquaredError(keras.losses.Loss):
    """Mean squared error, averaged over the numbers of each sequence, so that sequences can be weighted.

    Call:
        y_true, y_pred: float `(batch, …)`. sample_weight: `(batch,)`.
    """

    def __init__(self, name: str = "mean_squared_error"):
        super().__init__(name=name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(y_true - y_pred), axis=tuple(range(1, len(y_pred.shape))))

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}
