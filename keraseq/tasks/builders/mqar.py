"""The TFDS builder `mqar`: multi-query associative recall, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import Generated

_CITATION = """@article{arora2023zoology,
  author = {Arora, Simran and Eyuboglu, Sabri and Timalsina, Aman and Johnson, Isys and Poli, Michael and Zou, James and
    Rudra, Atri and R{\\'e}, Christopher},
  title = {Zoology: Measuring and Improving Recall in Efficient Language Models},
  journal = {arXiv:2312.04927},
  year = {2023},
}"""


class Mqar(Generated):
    """Pairs of a key and a value, then the keys among blanks; the values at these keys."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        steps = tfds.features.Tensor(shape=(self.builder_config.task.input_length,), dtype=np.int32)
        return self.describe(
            "Keys and values in turn, then blanks (0) with each key once more, at even steps by a power law. The label "
            "is -1, but at these the value.",
            sequence=steps,
            target=steps,
            homepage="https://github.com/HazyResearch/zoology",
            citation=_CITATION,
        )

    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        (length,) = lengths
        task = self.builder_config.task
        pairs, half, start = task.pairs, task.vocabulary // 2, 2 * task.pairs
        places = np.arange(1, (length - start) // 2 + 1)
        keys = 1 + _choose(random, count, np.ones(half - 1), pairs)
        values = half + _choose(random, count, np.ones(half), pairs)
        queries = start + 2 * _choose(random, count, places ** (task.power - 1), pairs)
        sequences = np.zeros((count, length), np.int32)
        sequences[:, 0:start:2] = keys
        sequences[:, 1:start:2] = values
        np.put_along_axis(sequences, queries, keys, axis=1)
        labels = np.full_like(sequences, -1)
        np.put_along_axis(labels, queries, values, axis=1)
        return zip(sequences, labels, strict=True)


def _choose(random: np.random.Generator, rows: int, weights: np.ndarray, count: int) -> np.ndarray:
    """Indices drawn by weight one after another without replacement, `(rows, count)`.

    Of exponential times with the weights as rates, the order of the earliest is such a draw.
    """
    times = random.standard_exponential((rows, len(weights)), np.float32) / weights.astype(np.float32)
    earliest = np.argpartition(times, count - 1, axis=1)[:, :count]
    order = np.take_along_axis(times, earliest, axis=1).argsort(axis=1)
    return np.take_along_axis(earliest, order, axis=1).astype(np.int32)
