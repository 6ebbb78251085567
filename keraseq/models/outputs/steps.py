"""The losses and the metrics of outputs that have targets at every step.

Steps whose target is `padding` do not count. This alone decides, and not the mask of the model: Keras leaves masks out
of metrics, and averages means of batches, where here the mean is over all steps that count.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keraseq.models.outputs.cross_entropy import cross_entropy


class StepLoss(keras.losses.Loss):
    """The mean of a value over the steps that count. A subclass writes `call`: the value of each step.

    Args:
        padding: target at steps that do not count.
    """

    def __init__(self, padding: int, name: str):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.padding = padding

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        # The base class would multiply by the mask that y_pred carries; what an operation gives carries none.
        return super().__call__(y_true, y_pred + 0, counted(y_true, self.padding, sample_weight))

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "padding": self.padding}


@keras.saving.register_keras_serializable("keraseq")
class StepBinaryCrossEntropy(StepLoss):
    """-log p of all labels of a step, taken for independent, averaged over the steps that count.

    Call:
        y_true: int `(batch, time, labels)`, 0 or 1. y_pred: logits of that shape. sample_weight: of steps or sequences.
    """

    def __init__(self, padding: int, name: str = "binary_cross_entropy"):
        super().__init__(padding, name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return label_surprise(y_true, y_pred)


@keras.saving.register_keras_serializable("keraseq")
class StepCrossEntropy(StepLoss):
    """Cross-entropy of classes against logits, averaged over the steps that count: see `cross_entropy`.

    Args:
        padding: target at steps that do not count.
        label_smoothing: ε, in [0, 1). 0 is off.

    Call:
        y_true: int `(batch, time)`. y_pred: logits, `(batch, time, classes)`. sample_weight: of steps `(batch, time)`,
        or of sequences `(batch,)`.
    """

    def __init__(self, padding: int, label_smoothing: float = 0.0, name: str = "cross_entropy"):
        super().__init__(padding, name)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return cross_entropy(y_true, y_pred, self.label_smoothing)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


class StepMean(keras.metrics.Metric):
    """The mean of a value over all steps that count, since the last reset. A subclass writes `values`.

    Args:
        padding: target at steps that do not count.
    """

    def __init__(self, padding: int, name: str, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.padding = padding
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    @abstractmethod
    def values(self, y_true: Any, y_pred: Any) -> Any:
        """Targets `(batch, time, …)` and logits `(batch, time, classes)` → float `(batch, time)`; any at padding."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        weight = counted(y_true, self.padding, sample_weight)
        self.total.assign_add(ops.sum(weight * self.values(y_true, y_pred)))
        self.count.assign_add(ops.sum(weight))

    def result(self) -> Any:
        return ops.divide_no_nan(self.total.value, self.count.value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable("keraseq")
class StepAccuracy(StepMean):
    """The share of steps whose likeliest class is the target."""

    def __init__(self, padding: int, name: str = "accuracy", dtype: Any = None):
        super().__init__(padding, name, dtype)

    def values(self, y_true: Any, y_pred: Any) -> Any:
        return ops.cast(ops.argmax(y_pred, axis=-1) == ops.cast(y_true, "int32"), "float32")


@keras.saving.register_keras_serializable("keraseq")
class MeanSurprise(StepMean):
    """The cross-entropy a step, -log p(target), in nats."""

    def __init__(self, padding: int, name: str = "cross_entropy", dtype: Any = None):
        super().__init__(padding, name, dtype)

    def values(self, y_true: Any, y_pred: Any) -> Any:
        return cross_entropy(y_true, y_pred)


@keras.saving.register_keras_serializable("keraseq")
class Perplexity(MeanSurprise):
    """exp of the cross-entropy a step: the number of equally likely classes that would be as hard to guess."""

    def __init__(self, padding: int, name: str = "perplexity", dtype: Any = None):
        super().__init__(padding, name, dtype)

    def result(self) -> Any:
        return ops.exp(super().result())


@keras.saving.register_keras_serializable("keraseq")
class Bits(MeanSurprise):
    """The cross-entropy a step in bits."""

    def __init__(self, padding: int, name: str = "bits", dtype: Any = None):
        super().__init__(padding, name, dtype)

    def result(self) -> Any:
        return super().result() / math.log(2)


@keras.saving.register_keras_serializable("keraseq")
class MeanLabelSurprise(StepMean):
    """-log p of all labels of a step, in nats."""

    def __init__(self, padding: int, name: str = "nll", dtype: Any = None):
        super().__init__(padding, name, dtype)

    def values(self, y_true: Any, y_pred: Any) -> Any:
        return label_surprise(y_true, y_pred)


def label_surprise(y_true: Any, y_pred: Any) -> Any:
    """-Σ_k log p(label k) of each step, float32 `(batch, time)`, from logits; some number at padding."""
    y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
    return ops.sum(ops.softplus(y_pred) - y_true * y_pred, axis=-1)


def counted(y_true: Any, padding: int, sample_weight: Any) -> Any:
    """The weight of each step, float32 `(batch, time)`: 0 at padding, else its or its sequence's weight, or 1."""
    y_true = y_true[..., 0] if len(y_true.shape) == 3 else y_true
    weight = ops.cast(ops.not_equal(y_true, padding), "float32")
    if sample_weight is None:
        return weight
    sample_weight = ops.cast(sample_weight, "float32")
    return weight * (sample_weight if len(sample_weight.shape) == 2 else ops.reshape(sample_weight, (-1, 1)))
