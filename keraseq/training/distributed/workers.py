"""The workers of a job: which cluster, who leads, what they agree on, and what becomes of them when one is gone."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import keras
import tensorflow as tf

from keraseq.errors import KeraseqError, UsageError
from keraseq.registry import strategies
from keraseq.training.distributed import slurm

LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError, tf.errors.InternalError)


def cluster() -> tf.distribute.cluster_resolver.ClusterResolver:
    """The cluster that TF_CONFIG or SLURM describes.

    Raises:
        UsageError: there is neither.
    """
    if "TF_CONFIG" in os.environ:
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if "SLURM_STEP_NUM_TASKS" in os.environ:
        return slurm.resolver()
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


def alone() -> bool:
    """Whether no other process takes part in the strategy in scope."""
    return tf.distribute.get_strategy().cluster_resolver is None


def leads() -> bool:
    """Whether this process is the only one of its job, or the first: the one that writes files and prints."""
    return alone() or not tf.distribute.get_strategy().cluster_resolver.task_id


def agreed(flag: bool) -> bool:
    """Whether the flag holds in any worker; all of them have to ask."""
    return flag if alone() else bool(_count(tf.constant(float(flag))) > 0)


@tf.function
def _count(flag: tf.Tensor) -> tf.Tensor:
    """Workers whose flag is 1."""
    strategy = tf.distribute.get_strategy()
    return strategy.reduce("SUM", strategy.run(tf.identity, args=(flag,)), axis=None)


def lost(error: Exception) -> KeraseqError:
    """What an error of communication means."""
    said = str(error).strip().splitlines()[0]
    return KeraseqError(f"a worker of the job is gone ({said}); start all of them again, with --resume")


class Watchdog(keras.callbacks.Callback):
    """Ends this process, with a message, where no step ends for too long: TensorFlow waits for ever for a hung worker.

    It watches inside a `with` block, and only where there are other workers.

    Args:
        seconds: without a step after which the others are taken for hung.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.told = time.monotonic()
        self._ended = threading.Event()

    def __enter__(self) -> Watchdog:
        if not alone():
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.told = time.monotonic()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.told = time.monotonic()

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self.seconds / 10)):
            if time.monotonic() - self.told > self.seconds:
                message = f"no step in {self.seconds:g} s: a worker hangs; start all of them again, with --resume"
                sys.stderr.write(f"keraseq: {message}\n")
                sys.stderr.flush()
                os._exit(1)
