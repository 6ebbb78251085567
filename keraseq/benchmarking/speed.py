"""What runs in a child process of a benchmark of speed: one measurement, so that no other disturbs its memory."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keraseq.benchmarking.children import described, operations, placed
from keraseq.diagnostics.flops import blank
from keraseq.diagnostics.steps import timed, train_steps
from keraseq.errors import UsageError
from keraseq.inference.stepwise import Stepwise
from keraseq.tasks import Task
from keraseq.training.outcome import Outcome
from keraseq.training.timing import WARM_UP
from keraseq.tuning.child import built, first_row, peak_memory
from keraseq.tuning.job import Job
from keraseq.tuning.matching import reached


def training(connection: Connection, job: Job) -> dict[str, Any]:
    """Steps of training: examples a second, compile time, peak memory; and what a record holds of model and task."""
    task, given, family, model, took = built(connection, job)
    before = peak_memory()
    timer = train_steps(model, task, job.strategy, **given)
    return {
        "outcome": Outcome.COMPLETED,
        **described(task, task.summary()),
        **placed(job.strategy),
        "config": family.settings(),
        "build_seconds": took,
        "match": reached(model, task, job.match, given, job.strategy) if "step-time" not in job.match else {},
        "memory": device_memory() or peak_memory(),
        "batch_size": task.config.batch_size,
        "examples_per_second": task.config.batch_size / timer.median,
        "cost": {
            "train": {
                "examples_per_second": spread([task.config.batch_size * 1000 / step for step in timer.milliseconds])
            },
            "compile_seconds": timer.start,
            "memory": device_memory() or peak_memory(),
            "memory_before": before,
        },
    }


def inference(connection: Connection, job: Job) -> dict[str, Any]:
    """Predictions of whole batches: examples a second, and peak memory; then, with that known, the operations."""
    task, _, _, model, _ = built(connection, job)
    inputs = next(iter(task.validation))[0]
    rows = len(keras.tree.flatten(inputs)[0])
    taken = timed(_predicting(model, inputs))
    cost = {
        "inference": {"examples_per_second": spread([rows * 1000 / one for one in taken])},
        "inference_memory": device_memory() or peak_memory(),
    }
    return {"outcome": Outcome.COMPLETED, "cost": cost, "flops": operations(model, task)}


def latency(connection: Connection, job: Job) -> dict[str, Any]:
    """Milliseconds of one sequence at batch 1, and of one step of it where the model runs step by step."""
    task, _, _, model, _ = built(connection, job)
    sequence = spread(timed(_predicting(model, first_row(task))))
    return {"outcome": Outcome.COMPLETED, "cost": {"latency": {"sequence": sequence, "step": _step(model, task)}}}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and number of repeated measurements."""
    low, median, high = np.percentile(values, (25, 50, 75))
    return {"median": float(median), "low": float(low), "high": float(high), "repeats": len(values)}


def device_memory() -> int | None:
    """Most bytes that were held on the first GPU, or None where there is none."""
    if not tf.config.get_visible_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def _predicting(model: keras.Model, inputs: Any) -> Any:
    predict = tf.function(lambda x: model(x, training=False))
    return lambda: predict(inputs)


def _step(model: keras.Model, task: Task) -> dict[str, float] | None:
    """Milliseconds of a step, with room for a whole sequence; None of models that look ahead or give no sequence."""
    try:
        stepwise = Stepwise(model)
    except UsageError:
        return None
    length = task.length()[0]
    state = stepwise.initial_state(1, max_length=length)
    run, one = tf.function(stepwise.stream), blank(task, 1)

    def step() -> Any:
        nonlocal state
        y, state = run(one, state)
        return y

    return spread(timed(step, most=min(100, length - WARM_UP)))
