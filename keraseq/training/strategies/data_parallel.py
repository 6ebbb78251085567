"""All devices of one process, on JAX."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from keraseq.errors import UsageError
from keraseq.registry import strategies
from keraseq.training.strategies.backend import needs


@strategies.register("data-parallel", tags={"distributed"})
def data_parallel() -> AbstractContextManager[Any]:
    """Every device that JAX sees; each takes a part of every batch. Batches have to be of one size: static_shapes.

    Raises:
        UsageError: there is one device alone, or Keras does not run on JAX.
    """
    needs("data-parallel", "jax", "mirrored")
    import keras

    devices = keras.distribution.list_devices()
    if len(devices) < 2:
        raise UsageError(f"strategy 'data-parallel' needs at least 2 devices; got {devices[0]}: use strategy 'auto'")
    return keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False).scope()
