"""The TFDS builder `dyck`: strings of brackets, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import Generated

_CITATION = """@article{hewitt2020rnns,
  author = {Hewitt, John and Hahn, Michael and Ganguli, Surya and Liang, Percy and Manning, Christopher D.},
  title = {RNNs can generate bounded hierarchical languages with optimal memory},
  journal = {arXiv:2010.07515},
  year = {2020},
}"""


class Dyck(Generated):
    """Strings of brackets; whether they are well nested."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return self.describe(
            "Bracket k opens as 2k and closes as 2k + 1. The label is 1 where the string is well nested; in the others "
            "two closing brackets have changed places.",
            sequence=tfds.features.Tensor(shape=(self.builder_config.task.input_length,), dtype=np.uint8),
            target=tfds.features.ClassLabel(names=("spoilt", "well nested")),
            homepage="https://arxiv.org/abs/2010.07515",
            citation=_CITATION,
        )

    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        task = self.builder_config.task
        sizes = random.choice(lengths, count)
        brackets = _nest(random, sizes, task.kinds, task.depth)
        first, second, found = _exchangeable(random, brackets, sizes)
        sound = random.random(count) < 0.5
        rows = np.flatnonzero(found & ~sound)
        first, second = first[rows], second[rows]
        brackets[rows, first], brackets[rows, second] = brackets[rows, second], brackets[rows, first]
        return [(brackets[row, : sizes[row]], int(sound[row])) for row in np.flatnonzero(found)]


def _nest(random: np.random.Generator, sizes: np.ndarray, kinds: int, depth: int) -> np.ndarray:
    """Well nested strings, drawn evenly from those of their sizes; `(rows, time)`, of which the first `sizes` count."""
    rows = np.arange(len(sizes))
    opens = _shares(int(sizes.max()), depth)
    brackets = np.zeros((len(rows), sizes.max()), np.uint8)
    stack = np.zeros((len(rows), depth + 1), np.uint8)  # kind of the bracket at each depth
    height = np.zeros(len(rows), np.int64)
    for step in range(sizes.max()):
        left = np.maximum(sizes - step, 0)
        up = random.random(len(rows)) < opens[left, height]
        stack[rows[up], height[up] + 1] = random.integers(kinds, size=np.count_nonzero(up))
        brackets[:, step] = 2 * stack[rows, height + up] + ~up
        height += np.where(up, 1, -1) * (left > 0)
    return brackets


def _shares(longest: int, depth: int) -> np.ndarray:
    """Of the ways to end `left` steps later at height 0, from `height`, the share that opens a bracket next.

    With N[left, height] the number of ways, N[0, 0] = 1 and N[left, height] = N[left - 1, height ± 1].

    Returns:
        `(longest + 1, depth + 1)`.
    """
    shares = np.zeros((longest + 1, depth + 1))
    ways = np.zeros(depth + 3)  # heights -1 … depth + 1, of which the outermost have none
    ways[1] = 1
    for left in range(1, longest + 1):
        up, down = ways[2:], ways[:-2]
        np.divide(up, up + down, out=shares[left], where=up + down > 0)
        ways = np.pad((up + down) / ways.max(), 1)
    return shares


def _exchangeable(
    random: np.random.Generator, brackets: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each string two random brackets of different kinds that close after a closing one; whether there are any."""
    closes = (brackets % 2 == 1) & (np.arange(brackets.shape[1]) < sizes[:, None])
    late = closes & np.pad(closes, ((0, 0), (1, 0)))[:, :-1]
    chances = random.random(brackets.shape)
    first = np.where(late, chances, -1).argmax(axis=1)
    other = late & (brackets != np.take_along_axis(brackets, first[:, None], axis=1))
    return first, np.where(other, chances, -1).argmax(axis=1), other.any(axis=1)
