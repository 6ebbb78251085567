"""All accelerators of one machine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from keraseq.errors import UsageError
from keraseq.registry import strategies
from keraseq.training.strategies.backend import needs


@strategies.register("mirrored", tags={"distributed"})
def mirrored() -> AbstractContextManager[Any]:
    """Every GPU of this machine, or every logical CPU device where there is none; each takes a part of every batch.

    Raises:
        UsageError: there is one device alone, or Keras does not run on TensorFlow.
    """
    needs("mirrored", "tensorflow", "data-parallel")
    import tensorflow as tf

    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(devices) < 2:
        raise UsageError(f"strategy 'mirrored' needs at least 2 devices; got {devices[0]}: use strategy 'auto'")
    # NCCL for GPUs; a sum on the first device for CPUs, where collectives of a second strategy would abort the process.
    how = tf.distribute.NcclAllReduce() if kind == "GPU" else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=how).scope()
