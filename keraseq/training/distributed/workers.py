"""The workers of a job: which cluster, who leads, what they agree on, and what becomes of them when one is gone."""

from __future__ import annotations

import os

import tensorflow as tf

from keraseq.errors import KeraseqError, UsageError
from keraseq.registry import strategies

LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError, tf.errors.InternalError)


def cluster() -> tf.distribute.cluster_resolver.ClusterResolver:
    """The cluster that TF_CONFIG or SLURM describes.

    Raises:
        UsageError: there is neither.
    """
    if "TF_CONFIG" in os.environ:
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if "SLURM_STEP_NUM_TASKS" in os.environ:
        return tf.distribute.cluster_resolver.SlurmClusterResolver()
    raise UsageError(
        "strategy 'multiworker' needs a cluster; set TF_CONFIG, start it under SLURM by srun, or run keraseq train "
        "with --local-workers N"
    )


def connect() -> bool:
    """Joins the cluster that TF_CONFIG or SLURM describes, for `strategy="multiworker"`, and says whether this leads.

    It belongs before anything that TensorFlow computes, `load_task` and `create_model` among it. The process that leads
    is the one that writes files and prints.

    Raises:
        UsageError: there is no cluster, or TensorFlow has computed something.
    """
    with strategies.get("multiworker")():
        return leads()


def leads() -> bool:
    """Whether this process is the only one of its job, or the first: the one that writes files and prints."""
    resolver = tf.distribute.get_strategy().cluster_resolver
    return resolver is None or not resolver.task_id


def agreed(flag: bool) -> bool:
    """Whether the flag holds in any worker; all of them have to ask."""
    strategy = tf.distribute.get_strategy()
    if strategy.cluster_resolver is None:
        return flag
    return bool(_count(tf.constant(float(flag))) > 0)


@tf.function
def _count(flag: tf.Tensor) -> tf.Tensor:
    """Workers whose flag is 1."""
    strategy = tf.distribute.get_strategy()
    return strategy.reduce("SUM", strategy.run(tf.identity, args=(flag,)), axis=None)


def lost(error: Exception) -> KeraseqError:
    """What an error of communication means."""
    said = str(error).strip().splitlines()[0]
    return KeraseqError(f"a worker of the job is gone ({said}); start all of them again, with --resume")
