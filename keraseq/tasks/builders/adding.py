"""The TFDS builder `adding`: the adding problem, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import Generated

_CITATION = """@article{hochreiter1997long,
  author = {Hochreiter, Sepp and Schmidhuber, J{\\"u}rgen},
  title = {Long Short-Term Memory},
  journal = {Neural Computation},
  volume = {9},
  number = {8},
  year = {1997},
}"""


class Adding(Generated):
    """Sequences of random numbers, two of them marked, and the sum of these two."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)
    label = "sum"

    def _info(self) -> Any:
        return self.describe(
            "Each step is a number, uniform in [0, 1), and a mark, 1 at two random steps and 0 elsewhere; the target "
            "is the sum of the marked numbers.",
            sequence=tfds.features.Tensor(shape=(self.builder_config.task.input_length, 2), dtype=np.float32),
            target=tfds.features.Scalar(dtype=np.float32),
            homepage="https://github.com/locuslab/TCN/tree/master/TCN/adding_problem",
            citation=_CITATION,
        )

    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        (length,) = lengths
        rows = np.arange(count)
        sequences = np.zeros((count, length, 2), np.float32)
        sequences[..., 0] = random.random((count, length), np.float32)
        first = random.integers(length, size=count)
        second = random.integers(length - 1, size=count)
        second += second >= first
        sequences[rows, first, 1] = sequences[rows, second, 1] = 1
        sums = sequences[rows, first, 0] + sequences[rows, second, 0]
        return zip(sequences, sums, strict=True)
