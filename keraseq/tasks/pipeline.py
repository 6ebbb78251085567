"""Which examples share a batch, and their arrays as a model takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from keraseq.models.inputs import Inputs, Tokens, Waveform
from keraseq.models.outputs import Output, Translation
from keraseq.tasks.examples import Examples

FULL_SCALE = 2**15  # of 16-bit samples
POOL = 50  # about so many batches have their examples sorted by length together


def plan(lengths: np.ndarray, batch_size: int, *, seed: int | None = None, epoch: int = 0) -> list[np.ndarray]:
    """The batches of one epoch, as indices: every example once, in `ceil(n / batch_size)` batches.

    Sequences of similar length share a batch, so that little is padded. A short batch comes last.

    Args:
        lengths: steps of each example; where its target is a sequence too, of the longer of both.
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


def batch(examples: Examples, index: np.ndarray, inputs: Inputs, output: Output) -> tuple[Any, np.ndarray]:
    """The examples at `index` as model inputs and targets, sequences padded at the end to the longest of them.

    Targets that are sequences hold `output.padding` at padding. A model that translates takes, beside its `source`, the
    `previous` symbol of each symbol of the target.
    """
    given = assemble(examples, index, inputs)
    targets = examples.targets
    if isinstance(targets, np.ndarray):
        return given, targets[index]
    steps, _ = targets.pad(index, output.target_dtype, output.padding)
    if isinstance(output, Translation):
        return {"source": given, "previous": output.previous(steps)}, steps
    return given, steps


def assemble(examples: Examples, index: np.ndarray, inputs: Inputs) -> Any:
    """The sequences at `index` as model inputs, padded at the end to the longest of them.

    Returns:
        Tokens: int32, `(batch, time)`. Features: float32, `(batch, time, size)`. Waveform: float32, in [-1, 1),
        `(batch, samples)`. Where the lengths of these two differ, a dictionary of the `values` and `mask`, bool,
        `(batch, time)`.
    """
    sequences = examples.inputs
    dtype = np.int32 if isinstance(inputs, Tokens) else np.float32
    mask = None
    if inputs.length is not None:
        values = sequences.values.reshape(-1, inputs.length, *sequences.values.shape[1:])[index].astype(dtype)
    else:
        values, mask = sequences.pad(index, dtype)
    if isinstance(inputs, Waveform):
        values /= np.float32(FULL_SCALE)
    return values if mask is None or isinstance(inputs, Tokens) else {"values": values, "mask": mask}


def padding(sizes: np.ndarray, batches: list[np.ndarray]) -> float:
    """The share of padded steps among all steps of these batches.

    Args:
        sizes: steps of each example, `(n,)`, or of each of its sequences, `(n, sequences)`.
        batches: indices.
    """
    sizes = sizes.reshape(len(sizes), -1)
    fed = sum(len(index) * int(sizes[index].max(axis=0).sum()) for index in batches)
    return 1 - int(sizes.sum()) / fed


def _pool(count: int, batch_size: int) -> int:
    """Examples a pool: whole batches, about `POOL` of them, in pools of nearly one size."""
    batches = -(-count // batch_size)
    return -(-batches // max(1, round(batches / POOL))) * batch_size


def _cut(order: np.ndarray, size: int) -> list[np.ndarray]:
    return [order[start : start + size] for start in range(0, len(order), size)]
