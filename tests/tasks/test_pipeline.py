"""Batches: every example once, little padding, an order that seed and epoch decide."""

from __future__ import annotations

import numpy as np
import pytest

from keraseq.models.inputs import Features, Tokens
from keraseq.tasks.examples import Examples
from keraseq.tasks.pipeline import Batching, assemble, padding

SKEWED = np.random.default_rng(0).lognormal(5, 0.6, 25_000).astype(np.int64) + 1  # much like uncut film reviews


def flat(batches: list[np.ndarray]) -> list[int]:
    return np.concatenate(batches).tolist()


@pytest.mark.parametrize("seed", [None, 0, 7])
@pytest.mark.parametrize(
    ("count", "batch_size"), [(1, 1), (1, 64), (63, 64), (64, 64), (65, 64), (5000, 64), (5000, 1)]
)
def test_every_example_is_in_exactly_one_batch(count: int, batch_size: int, seed: int | None) -> None:
    batches = Batching(batch_size).plan(SKEWED[:count], seed=seed)
    assert sorted(flat(batches)) == list(range(count))
    assert len(batches) == -(-count // batch_size)
    assert all(len(batch) == batch_size for batch in batches[:-1])


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    first = flat(Batching(64).plan(SKEWED, seed=0, epoch=0))
    np.random.seed(5)
    assert flat(Batching(64).plan(SKEWED, seed=0, epoch=0)) == first
    others = [flat(Batching(64).plan(SKEWED, seed=seed, epoch=epoch)) for seed, epoch in ((0, 1), (1, 0), (1, 1))]
    assert all(other != first for other in others)
    assert others[0] != others[1]  # not decided by seed + epoch


def test_other_examples_share_a_batch_in_another_epoch() -> None:
    lengths = np.full(640, 5)
    together = [
        {frozenset(batch.tolist()) for batch in Batching(64).plan(lengths, seed=0, epoch=epoch)} for epoch in (0, 1)
    ]
    assert not together[0] & together[1]


def test_batches_do_not_come_by_length() -> None:
    lengths = [SKEWED[batch].mean() for batch in Batching(64).plan(SKEWED, seed=0)]
    steps = np.diff(lengths)
    assert (steps > 0).sum() > 20
    assert (steps < 0).sum() > 20


@pytest.mark.parametrize("seed", [None, 0])
def test_little_is_padded_where_lengths_are_skewed(seed: int | None) -> None:
    assert padding(SKEWED, Batching(64).plan(SKEWED, seed=seed)) < 0.1
    unsorted = [np.arange(start, min(start + 64, len(SKEWED))) for start in range(0, len(SKEWED), 64)]
    assert padding(SKEWED, unsorted) > 0.5


@pytest.mark.parametrize("size", [None, 3])
def test_assembled_batches_hold_the_sequences_then_padding(size: int | None) -> None:
    random = np.random.default_rng(0)
    sequences = [random.integers(1, 100, (length, size) if size else length, np.uint8) for length in (3, 1, 7, 2)]
    examples = Examples.join(sequences, np.zeros(4))
    spec = Features(size) if size else Tokens(100)
    batch = assemble(examples, np.array([3, 0, 1]), spec)
    values = batch["values"] if size else batch
    assert values.dtype == (np.float32 if size else np.int32)
    assert values.shape[:2] == (3, 3)
    for row, index in enumerate((3, 0, 1)):
        length = len(sequences[index])
        np.testing.assert_array_equal(values[row, :length], sequences[index])
        assert not values[row, length:].any()
        if size:
            np.testing.assert_array_equal(batch["mask"][row], np.arange(3) < length)


def test_sequences_of_one_length_need_no_mask() -> None:
    steps = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    examples = Examples.join(list(steps), np.zeros(4))
    batch = assemble(examples, np.array([2, 0]), Features(2, 3))
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, steps[[2, 0]])


@pytest.mark.parametrize("seed", [None, 0, 7])
@pytest.mark.parametrize(("batch_size", "budget"), [(64, 4096), (10_000, 4096), (8, 100)])
def test_a_budget_limits_steps_with_padding(batch_size: int, budget: int, seed: int | None) -> None:
    lengths = SKEWED[:5000]
    batching = Batching(batch_size, budget)
    batches = batching.plan(lengths, seed=seed)
    assert sorted(flat(batches)) == list(range(5000))
    assert all(len(b) == 1 or len(b) * lengths[b].max() <= budget for b in batches)
    assert max(map(len, batches)) <= batch_size
    assert len(batches) == len(batching.plan(lengths, seed=seed, epoch=1)) == len(batching.plan(lengths))
    assert padding(lengths, batches) < 0.1
    full = [b for b in batches if len(b) == batching.rows(int(batching.widths(lengths)[b].max()))]
    assert len(full) > 0.5 * len(batches)


def test_widths_are_few_and_little_more_than_lengths() -> None:
    widths = Batching(1).widths(SKEWED)
    assert ((widths >= SKEWED) & (widths <= np.minimum(SKEWED * 1.125, SKEWED.max()))).all()
    assert len(np.unique(widths)) <= 8 * np.log2(SKEWED.max())
    np.testing.assert_array_equal(Batching(1).widths(np.arange(1, 18)), [*range(1, 17), 17])
    np.testing.assert_array_equal(Batching(1).widths(np.array([17, 100])), [18, 100])


def test_what_is_contiguous_keeps_its_rows() -> None:
    batches = Batching(3, contiguous=True).plan(np.full(12, 5), seed=0)
    np.testing.assert_array_equal(np.stack(batches), [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]])
