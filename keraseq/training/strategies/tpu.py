"""Tensor processing units, on TensorFlow."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from keraseq.errors import UsageError
from keraseq.registry import strategies
from keraseq.training.strategies.backend import needs


@strategies.register("tpu", tags={"distributed"})
def tpu() -> AbstractContextManager[Any]:
    """Every core of the TPU that TPU_NAME or this machine offers; each takes a part of every batch.

    Raises:
        UsageError: there is none, or Keras does not run on TensorFlow.
    """
    needs("tpu", "tensorflow", "data-parallel")
    import tensorflow as tf

    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        said = str(error).strip().splitlines()[0]
        raise UsageError(
            f"strategy 'tpu' needs a TPU, and TensorFlow finds none ({said}); use strategy 'auto', or Keras on JAX "
            "with strategy 'data-parallel'"
        ) from error
    return tf.distribute.TPUStrategy(resolver).scope()
