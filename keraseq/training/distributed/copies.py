"""A copy of a model for the strategy in scope, which decides where its variables lie."""

from __future__ import annotations

import keras

from keraseq.config import check
from keraseq.tasks import Task


def copied(model: keras.Model) -> keras.Model:
    """The same layers, with the same weights, made in this scope.

    Args:
        model: a functional model of layers that `from_config` makes again.
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def sharded(model: keras.Model, task: Task) -> keras.Model:
    """A copy for `keras.distribution`, which gives every device an equal part of a batch.

    Raises:
        UsageError: batches are not of one size, or not of one that the devices divide.
    """
    devices = len(keras.distribution.distribution().device_mesh.devices.flatten())
    batching = task.config.batching
    check(
        batching.static_shapes and not batching.token_budget and batching.batch_size % devices == 0,
        f"strategy data-parallel gives each of {devices} devices an equal part of every batch; set static_shapes=True, "
        f"no token_budget, and a batch_size that is a multiple of {devices}; got {batching}",
    )
    return copied(model)
