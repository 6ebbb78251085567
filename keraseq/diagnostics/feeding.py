"""How fast a task gives batches, and whether training waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras

from keraseq.config import check
from keraseq.tasks import Task


@dataclass(frozen=True)
class Fed:
    """What went through.

    Attributes:
        batches, examples: how many.
        seconds: wall time.
        waiting: share of that in which the next batch was not there yet, in [0, 1].
    """

    batches: int
    examples: int
    seconds: float
    waiting: float


def feed(batches: Iterable[Any], model: keras.Model | None = None) -> Fed:
    """Takes all batches but the first, which fills what is shuffled, as an epoch does once.

    Args:
        batches: `(inputs, targets)`, or with weights too.
        model: compiled, trained on each batch; None lets them pass.
    """
    rest = iter(batches)
    next(rest)
    started, waited, count, examples = time.perf_counter(), 0.0, 0, 0
    while True:
        asked = time.perf_counter()
        batch = next(rest, None)
        waited += time.perf_counter() - asked
        if batch is None:
            seconds = time.perf_counter() - started
            return Fed(count, examples, seconds, waited / seconds)
        if model is not None:
            model.train_on_batch(*batch)
        count += 1
        examples += len(batch[1])


def feeding(task: Task, model: keras.Model | None = None, steps: int = 50) -> dict[str, float]:
    """How a task feeds training.

    Args:
        task: from `load_task`.
        model: for it, compiled anew; None measures no training.
        steps: batches that are measured at most, at least 1. A model first takes a pass over them, in which all their
            shapes are compiled.

    Returns:
        `padding`: share of padded steps in train; `batches_per_second` and `examples_per_second` without training;
        with a model also `steps_per_second` and `waiting`, the share of a training step spent waiting for its batch.

    Raises:
        UsageError: steps below 1, or train has but one batch.
    """
    check(steps >= 1, f"steps must be at least 1; got {steps}")
    check(task.steps("train") >= 2, "train has one batch: nothing can be measured. Remedy: a smaller batch_size")
    alone = feed(task.dataset("train").take(4 * steps + 1))
    told = {
        "padding": task.padding["train"],
        "batches_per_second": alone.batches / alone.seconds,
        "examples_per_second": alone.examples / alone.seconds,
    }
    if model is not None:
        model.compile("adam", **task.measures)
        feed(task.dataset("train").take(steps + 1), model)
        trained = feed(task.dataset("train").take(steps + 1), model)
        told |= {"steps_per_second": trained.batches / trained.seconds, "waiting": trained.waiting}
    return told
