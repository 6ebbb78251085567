"""What runs in a child process of a benchmark that learns: one run from the data to its test scores."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

import keras
import tensorflow as tf

from keraseq.diagnostics.flops import blank, count_flops
from keraseq.errors import KeraseqError
from keraseq.inference.score import score
from keraseq.tasks import Task
from keraseq.training.strategies.auto import picked
from keraseq.tuning.child import trained
from keraseq.tuning.job import Job


def train(connection: Connection, job: Job) -> dict[str, Any]:
    """Trains as `keraseq.tuning.child.train` does, scores the weights that validation chose on test, once, and tells
    what a record holds of it.
    """
    done = trained(connection, job)
    about = done.task.summary()
    examples = about["examples"]["train"] * done.facts["epochs"]
    facts = {
        **done.facts,
        **described(done.task, about),
        **placed(job.strategy),
        "config": done.family.settings(),
        "examples_per_second": examples / done.facts["fit_seconds"],
        "flops": operations(done.model, done.task),
    }
    if facts["score"] is not None:
        done.model.compile(**done.task.measures)
        facts["test"] = score(done.model, done.task)
    return facts


def described(task: Task, about: dict[str, Any]) -> dict[str, Any]:
    """What a record holds of a task; `about` is its summary."""
    return {
        "metric": task.metric,
        "direction": task.direction,
        "chance": task.chance,
        "length": task.length()[0],
        "data": about["source"],
    }


def placed(strategy: str) -> dict[str, Any]:
    """Where this process works."""
    gpus = tf.config.get_visible_devices("GPU")
    named = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return {
        "strategy": picked() if strategy == "auto" else strategy,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "devices": named or ["CPU"],
    }


def operations(model: keras.Model, task: Task) -> int | None:
    """Floating-point operations of predicting one sequence of the median length; None where they cannot be counted."""
    try:
        return count_flops(model, blank(task, *task.length()))
    except KeraseqError:
        return None
