"""All devices of one process, on JAX."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from keraseq.registry import strategies
from keraseq.training.strategies.backend import devices


@strategies.register("data-parallel", tags={"distributed"})
def data_parallel() -> AbstractContextManager[Any]:
    """Every device that JAX sees; each takes a part of every batch. Batches have to be of one size: static_shapes.

    Raises:
        UsageError: there is one device alone, or Keras does not run on JAX.
    """
    names = devices("data-parallel")
    import keras

    return keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope()
