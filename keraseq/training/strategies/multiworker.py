"""Several machines, or several processes of one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from keraseq.errors import UsageError
from keraseq.registry import strategies
from keraseq.training.strategies.backend import needs


@strategies.register("multiworker", tags={"distributed"})
def multiworker() -> AbstractContextManager[Any]:
    """Every worker of the cluster that TF_CONFIG or SLURM describes; each takes a part of every batch.

    All workers run the same program with the same arguments. It is to ask for this strategy before TensorFlow computes
    anything: `keraseq.connect()` does.

    Raises:
        UsageError: there is no cluster, it was asked for too late, or Keras does not run on TensorFlow.
    """
    return _strategy().scope()


@cache
def _strategy() -> Any:
    """One for each process: TensorFlow joins a cluster once."""
    needs("multiworker", "tensorflow", "data-parallel")
    from keraseq.training.distributed.workers import cluster

    resolver = cluster()
    import tensorflow as tf

    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        raise UsageError(
            "strategy 'multiworker' has to join its cluster before TensorFlow computes anything; call "
            "keraseq.connect() first of all"
        ) from error
