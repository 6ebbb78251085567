"""The part of a batch that one replica takes, and its part of a mean over the whole batch."""

from __future__ import annotations

import copy
from typing import Any

import keras
import tensorflow as tf
from keras import ops


def share(batch: Any, replica: tf.Tensor, replicas: int) -> tuple[Any, tf.Tensor]:
    """The rows of one replica, and which of them are real, float32, `(rows,)`.

    Shares differ by one row at most. Where a batch has fewer rows than there are replicas, each gets all of them, so
    that no share is empty and none has statistics of its own, and they count in the first replica alone.

    Args:
        batch: structure of tensors, `(batch, …)`.
        replica: its number, from 0.
        replicas: how many there are.
    """
    first = tf.nest.flatten(batch)[0]
    count = first.shape[0] or tf.shape(first)[0]
    if isinstance(count, int) and count % replicas == 0:  # a shape that is known, as XLA wants it
        places = replica * (count // replicas) + tf.range(count // replicas)
        return tf.nest.map_structure(lambda part: tf.gather(part, places), batch), tf.ones(count // replicas)
    few = count < replicas
    begin = tf.where(few, 0, replica * count // replicas)
    end = tf.where(few, count, (replica + 1) * count // replicas)
    real = tf.fill([end - begin], tf.cast(tf.logical_or(count >= replicas, replica == 0), tf.float32))
    return tf.nest.map_structure(lambda part: part[begin:end], batch), real


def weighted(real: Any, weight: Any) -> Any:
    """Sample weights, of rows or of steps, that are 0 for rows that do not count; without weights, `real` itself."""
    return real if weight is None else weight * tf.reshape(real, (-1, *[1] * (len(weight.shape) - 1)))


def total(loss: keras.losses.Loss, y_true: Any, y_pred: Any, real: Any, weight: Any) -> tuple[Any, Any]:
    """The sum that a loss takes the mean of, and what it divides by, over the rows that are real.

        loss(y_true, y_pred) = total / count                   of a whole batch
                             = Σ_r total_r / Σ_r count_r       of the shares of its replicas

    Args:
        loss: whose reduction is `"sum_over_batch_size"`, `"mean"` or `"mean_with_sample_weight"`.
        y_true: targets.
        y_pred: outputs of the model.
        real: 1 for rows that count, else 0, `(rows,)`.
        weight: of `weighted`.
    """
    by_weight = loss.reduction == "mean_with_sample_weight"
    summed, counted = copy.copy(loss), copy.copy(loss)
    summed.reduction = counted.reduction = "sum"
    counted.call = lambda y_true, y_pred: ops.ones_like(loss.call(y_true, y_pred))
    return summed(y_true, y_pred, weight), counted(y_true, y_pred, weight if by_weight else real)
