"""Batches that fit into memory, while a step stays what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from keraseq.errors import KeraseqError
from keraseq.tasks import task_config
from keraseq.training.outcome import Outcome
from keraseq.tuning.budget import default_memory
from keraseq.tuning.executors.base import call
from keraseq.tuning.executors.local import Local
from keraseq.tuning.job import Job


def fitting_batch(job: Job, memory: int | None = None) -> tuple[int, int]:
    """Rows of a batch that fits, and how many such batches make a step (`accumulate`) that sees as many as before.

    A child of this process trains on the batch that has the most steps; where that takes too much memory, the next one
    trains in batches of half the rows or fewer, of a number that divides the whole.

    Args:
        job: what is to be trained.
        memory: most bytes that a process may take, above 0; None is nine tenths of what is free. GPUs refuse by
            themselves what does not fit.

    Raises:
        KeraseqError: a single row is too much, or the training fails for another reason.
    """
    memory = memory or default_memory(1)
    rows = task_config(job.task.name, dict(job.task.settings)).batch_size
    executor = Local(1)
    try:
        for parts in _parts(rows):
            size, accumulate = rows // parts, parts * int(job.training.get("accumulate", 1))
            end = call(executor, "stretch", in_batches(job, size, accumulate), memory=memory)
            if end["outcome"] == Outcome.COMPLETED:
                return size, accumulate
            if end["outcome"] not in (Outcome.OUT_OF_MEMORY, Outcome.KILLED):  # killed by the kernel, for memory
                raise KeraseqError(f"looking for a batch that fits, the training {end['outcome']}: {end['message']}")
    finally:
        executor.close()
    raise KeraseqError(
        f"one row a batch takes more than {memory / 2**30:.1f} GiB; choose a smaller model or shorter sequences"
    )


def _parts(rows: int) -> Iterator[int]:
    """1, and divisors of `rows`, each at least twice the one before."""
    least = 1
    for parts in range(1, rows + 1):
        if parts >= least and rows % parts == 0:
            yield parts
            least = 2 * parts


def in_batches(job: Job, size: int, accumulate: int) -> Job:
    """The same training in batches of another size, and with another number of them to a step."""
    task = replace(job.task, settings={**job.task.settings, "batch_size": size})
    return replace(job, task=task, training={**job.training, "accumulate": accumulate})
