"""Which examples share a batch, and their arrays as a model takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keraseq.models.inputs import Inputs, Tokens, Waveform
from keraseq.models.outputs import Output, Translation
from keraseq.tasks.examples import Examples

FULL_SCALE = 2**15  # of 16-bit samples
POOL = 50  # about so many batches have their examples sorted by length together


@dataclass(frozen=True)
class Batching:
    """How examples are put into batches.

    Attributes:
        batch_size: most examples a batch.
        token_budget: most steps a batch, padding counted, where 0 sets no limit; a longer sequence is alone.
        static_shapes: whether batches have one of few shapes: see `widths`; a short batch is then filled up.
        contiguous: whether a row goes on, batch after batch, with the examples that follow each other: the first
            `n / batch_size` are those of the first row.
    """

    batch_size: int
    token_budget: int = 0
    static_shapes: bool = False
    contiguous: bool = False

    def plan(self, sizes: np.ndarray, *, seed: int | None = None, epoch: int = 0) -> list[np.ndarray]:
        """The batches of one epoch, as indices: every example once, in as many batches whatever seed and epoch.

        Sequences of similar length share a batch, so that little is padded. Without a budget only the last batch is
        short.

        Args:
            sizes: steps of each example, `(n,)`, or of each of its sequences, `(n, sequences)`: the longer one counts.
            seed: the order is random and depends on `seed` and `epoch` alone; None gives one fixed order, by length.
                What is contiguous has but one order.
            epoch: number of the epoch.
        """
        lengths = sizes.reshape(len(sizes), -1).max(axis=1)
        if self.contiguous:
            return list(np.arange(len(lengths)).reshape(self.batch_size, -1).T)
        random = None if seed is None else np.random.default_rng((seed, epoch))
        if self.token_budget:
            return self._within_budget(lengths, random)
        if random is None:
            return _cut(np.argsort(lengths, kind="stable"), self.batch_size)
        order = random.permutation(len(lengths))
        batches: list[np.ndarray] = []
        for pool in _cut(order, _pool(len(order), self.batch_size)):
            batches += _cut(pool[np.argsort(lengths[pool], kind="stable")], self.batch_size)
        full = len(lengths) // self.batch_size
        return [batches[i] for i in random.permutation(full)] + batches[full:]

    def count(self, sizes: np.ndarray) -> int:
        """How many batches `plan` makes."""
        return len(self.plan(sizes)) if self.token_budget else -(-len(sizes) // self.batch_size)

    def _within_budget(self, lengths: np.ndarray, random: np.random.Generator | None) -> list[np.ndarray]:
        """Examples of one width share a batch, so that the number of batches does not hang on the order."""
        order = np.argsort(lengths, kind="stable") if random is None else random.permutation(len(lengths))
        widths = self.widths(lengths)[order]
        batches = [batch for width in np.unique(widths) for batch in _cut(order[widths == width], self.rows(width))]
        return batches if random is None else [batches[i] for i in random.permutation(len(batches))]

    def widths(self, sizes: np.ndarray) -> np.ndarray:
        """Lengths rounded up by at most an eighth, to one of 8 an octave; none above the greatest of them."""
        step = 1 << np.maximum(np.frexp(sizes)[1] - 4, 0)
        return np.minimum(-(-sizes // step) * step, sizes.max(axis=0))

    def rows(self, width: int) -> int:
        """Examples of a full batch whose steps are `width`."""
        return max(1, min(self.batch_size, self.token_budget // width)) if self.token_budget else self.batch_size


def batch(
    examples: Examples, index: np.ndarray, inputs: Inputs, output: Output, widths: np.ndarray | None = None
) -> tuple[Any, np.ndarray]:
    """The examples at `index` as model inputs and targets, sequences padded at the end to the longest of them.

    Targets that are sequences hold `output.padding` at padding. A model that translates takes, beside its `source`, the
    `previous` symbol of each symbol of the target.

    Args:
        widths: what inputs, and targets where these are sequences, are padded to; None takes the longest.
    """
    given = assemble(examples, index, inputs, None if widths is None else widths[0])
    targets = examples.targets
    if isinstance(targets, np.ndarray):
        return given, targets[index]
    steps, _ = targets.pad(index, output.target_dtype, output.padding, None if widths is None else widths[1])
    if isinstance(output, Translation):
        return {"source": given, "previous": output.previous(steps)}, steps
    return given, steps


def filled(
    examples: Examples, index: np.ndarray, inputs: Inputs, output: Output, widths: np.ndarray, rows: int
) -> tuple[Any, np.ndarray, np.ndarray]:
    """The same, of `rows` examples, and the weight of each, float32: where `index` has fewer, its examples come again
    with weight 0 and, where these are sequences, targets that do not count.
    """
    given, targets = batch(examples, np.resize(index, rows), inputs, output, widths)
    weights = (np.arange(rows) < len(index)).astype(np.float32)
    if output.targets != "whole":
        targets[weights == 0] = output.padding
    return given, targets, weights


def assemble(examples: Examples, index: np.ndarray, inputs: Inputs, width: int | None = None) -> Any:
    """The sequences at `index` as model inputs, padded at the end to `width`, or to the longest of them.

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
        values, mask = sequences.pad(index, dtype, width=width)
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
