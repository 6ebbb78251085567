"""Which examples share a batch, and their arrays as a model takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from keraseq.models.inputs import Inputs, Tokens
from keraseq.tasks.examples import Examples

POOL = 50  # about so many batches have their examples sorted by length together


def plan(lengths: np.ndarray, batch_size: int, *, seed: int | None = None, epoch: int = 0) -> list[np.ndarray]:
    """The batches of one epoch, as indices: every example once, in `ceil(n / batch_size)` batches.

    Sequences of similar length share a batch, so that little is padded. A short batch comes last.

    Args:
        lengths: steps of each example.
        batch_size: examples a batch.
        seed: the order is random and depends on `seed` and `epoch` alone; None gives one fixed order, by length.
        epoch: number of the epoch.
    """
    if seed is None:
        return _cut(np.argsort(lengths, kind="stable"), batch_size)
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    batches: list[np.ndarray] = []
    for pool in _cut(order, _pool(len(order), batch_size)):
        batches += _cut(pool[np.argsort(lengths[pool], kind="stable")], batch_size)
    full = len(lengths) // batch_size
    return [batches[i] for i in random.permutation(full)] + batches[full:]


def assemble(examples: Examples, index: np.ndarray, inputs: Inputs) -> Any:
    """The examples at `index` as model inputs, padded at the end to the longest of them.

    Returns:
        Tokens: int32, `(batch, time)`. Features: float32, `(batch, time, size)`; where lengths differ, a dictionary of
        these `values` and `mask`, bool, `(batch, time)`.
    """
    dtype = np.int32 if isinstance(inputs, Tokens) else np.float32
    starts = examples.offsets[index]
    lengths = examples.offsets[index + 1] - starts
    if inputs.length is not None:
        steps = examples.values.reshape(-1, inputs.length, *examples.values.shape[1:])
        return steps[index].astype(dtype)
    mask = np.arange(lengths.max()) < lengths[:, None]  # (batch, time)
    before = np.cumsum(lengths) - lengths
    source = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    values = np.zeros(mask.shape + examples.values.shape[1:], dtype)
    values[mask] = examples.values[source]
    return values if isinstance(inputs, Tokens) else {"values": values, "mask": mask}


def padding(lengths: np.ndarray, batches: list[np.ndarray]) -> float:
    """The share of padded steps among all steps of these batches."""
    fed = sum(len(index) * int(lengths[index].max()) for index in batches)
    return 1 - int(lengths.sum()) / fed


def _pool(count: int, batch_size: int) -> int:
    """Examples a pool: whole batches, about `POOL` of them, in pools of nearly one size."""
    batches = -(-count // batch_size)
    return -(-batches // max(1, round(batches / POOL))) * batch_size


def _cut(order: np.ndarray, size: int) -> list[np.ndarray]:
    return [order[start : start + size] for start in range(0, len(order), size)]
