"""A copy of a model for the strategy in scope, which decides where its variables lie."""

from __future__ import annotations

import keras

from keraseq.config import check
from keraseq.ops.graph import mask_of
from keraseq.tasks import Task


def copied(model: keras.Model) -> keras.Model:
    """The same layers, with the same weights, made in this scope.

    Args:
        model: a functional model of layers that `from_config` makes again.
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def synchronise(model: keras.Model) -> bool:
    """Lets batch normalisation see the rows of all replicas, as it does on one device; whether there is any.

    Raises:
        UsageError: one is masked; Keras takes the statistics of masked steps in each replica alone.
    """
    found = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in found:
        check(
            all(mask_of(tensor) is None for node in layer._inbound_nodes for tensor in node.input_tensors),
            f"batch normalisation {layer.name!r} is masked, and so has statistics of its own in every replica; train "
            "on one device, or normalise by layers.LayerNormalization",
        )
        layer.synchronized = True
    return bool(found)


def sharded(model: keras.Model, task: Task) -> keras.Model:
    """A copy for `keras.distribution`, which gives every device a part of each batch, or of each matrix.

    Raises:
        UsageError: batches are parted, and not of one size, or not of one that the devices divide.
    """
    mesh = keras.distribution.distribution().device_mesh
    check_parts(task, mesh.shape[mesh.axis_names.index("batch")])
    return copied(model)


def check_parts(task: Task, devices: int) -> None:
    """Refuses batches that devices cannot have equal parts of.

    Raises:
        UsageError: they are not of one size, or not of one that the devices divide.
    """
    batching = task.config.batching
    check(
        devices == 1 or (batching.static_shapes and not batching.token_budget and batching.batch_size % devices == 0),
        f"this strategy gives each of {devices} devices an equal part of every batch; set static_shapes=True, no "
        f"token_budget, and a batch_size that is a multiple of {devices}; got {batching}",
    )
