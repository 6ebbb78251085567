"""The TFDS builder `listops`: nested lists and their values, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import Generated

OPERATOR, END = 10, 14  # MIN, MAX, MED and SM are 10 … 13
NESTED = 0.25  # share of lists among values

_CITATION = """@inproceedings{nangia2018listops,
  author = {Nangia, Nikita and Bowman, Samuel R.},
  title = {ListOps: A Diagnostic Dataset for Latent Tree Learning},
  booktitle = {NAACL Student Research Workshop},
  year = {2018},
}
@article{tay2020long,
  author = {Tay, Yi and others},
  title = {Long Range Arena: A Benchmark for Efficient Transformers},
  journal = {arXiv:2011.04006},
  year = {2020},
}"""


class Listops(Generated):
    """Nested lists of digits, each under an operator; the value of the whole."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return self.describe(
            "Nested lists: digits 0 … 9, the operators MIN (10), MAX (11), MED (12) and SM (13), which open a list, "
            "and its end (14). The label is the value.",
            sequence=tfds.features.Tensor(shape=(self.builder_config.task.input_length,), dtype=np.uint8),
            target=tfds.features.ClassLabel(num_classes=10),
            homepage="https://github.com/google-research/long-range-arena",
            citation=_CITATION,
        )

    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        task = self.builder_config.task
        levels = _grow(random, count, task.arguments, task.depth)
        for level, below in zip(reversed(levels), [None, *reversed(levels[1:])], strict=True):
            level.evaluate(below)
        sizes = levels[0].sizes
        starts = np.cumsum(sizes) - sizes
        symbols = _write(levels, starts, int(sizes.sum()))
        fits = np.flatnonzero((sizes >= lengths[0]) & (sizes <= lengths[-1]))
        return [(symbols[starts[i] : starts[i] + sizes[i]], int(levels[0].totals[i])) for i in fits]


class _Level:
    """The lists of all trees that are nested equally deep, and what they hold, one list after another.

    Attributes:
        operators, counts: of each list its operator, 0 … 3, and how many values it has.
        nested, values: of each value whether it is a list of the next level, and what it is worth.
        lengths: steps of each value.
        totals, sizes: of each list what it is worth and its steps.
    """

    def __init__(self, random: np.random.Generator, lists: int, arguments: int, nest: bool):
        self.operators = random.integers(4, size=lists)
        self.counts = random.integers(2, arguments, size=lists, endpoint=True)
        values = int(self.counts.sum())
        self.nested = random.random(values) < (NESTED if nest else 0)
        self.values = random.integers(10, size=values)
        self.lengths = np.ones(values, np.int64)
        self.firsts = np.cumsum(self.counts) - self.counts
        self.totals = self.sizes = np.empty(0, np.int64)

    def evaluate(self, below: _Level | None) -> None:
        """Fills in `totals` and `sizes`, and what the lists of the level below are worth."""
        if below is not None:
            self.values[self.nested] = below.totals
            self.lengths[self.nested] = below.sizes
        least, most, total = (f.reduceat(self.values, self.firsts) for f in (np.minimum, np.maximum, np.add))
        self.totals = np.choose(self.operators, (least, most, self._medians(), total % 10))
        self.sizes = 2 + np.add.reduceat(self.lengths, self.firsts)

    def _medians(self) -> np.ndarray:
        places = np.arange(self.counts.max())
        table = np.full((len(self.counts), len(places)), 10)  # 10 sorts behind all digits
        table[places < self.counts[:, None]] = self.values
        table.sort(axis=1)
        middle = np.stack([(self.counts - 1) // 2, self.counts // 2], axis=1)
        return np.take_along_axis(table, middle, axis=1).sum(axis=1) // 2


def _grow(random: np.random.Generator, trees: int, arguments: int, depth: int) -> list[_Level]:
    """Random trees, level by level; the last level of the `depth` holds digits alone, which stand in the one above."""
    levels = [_Level(random, trees, arguments, nest=depth > 2)]
    while lists := int(levels[-1].nested.sum()):
        levels.append(_Level(random, lists, arguments, nest=len(levels) + 2 < depth))
    return levels


def _write(levels: list[_Level], starts: np.ndarray, steps: int) -> np.ndarray:
    """The symbols of all trees, one tree after another from `starts`."""
    symbols = np.empty(steps, np.uint8)
    for level in levels:
        symbols[starts] = OPERATOR + level.operators
        symbols[starts + level.sizes - 1] = END
        before = np.cumsum(level.lengths) - level.lengths
        within = before - np.repeat(before[level.firsts], level.counts)
        places = np.repeat(starts + 1, level.counts) + within
        symbols[places[~level.nested]] = level.values[~level.nested]
        starts = places[level.nested]
    return symbols
