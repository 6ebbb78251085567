"""The TFDS builder `adding`: the adding problem, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import CHUNK

_CITATION = """@article{hochreiter1997long,
  author = {Hochreiter, Sepp and Schmidhuber, J{\\"u}rgen},
  title = {Long Short-Term Memory},
  journal = {Neural Computation},
  volume = {9},
  number = {8},
  year = {1997},
}"""


class Adding(tfds.core.GeneratorBasedBuilder):
    """Sequences of random numbers, two of them marked, and the sum of these two."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Each step is a number, uniform in [0, 1), and a mark, 1 at two random steps and 0 elsewhere; "
            "the target is the sum of the marked numbers.",
            features=tfds.features.FeaturesDict(
                {
                    "sequence": tfds.features.Tensor(shape=(self.builder_config.length, 2), dtype=np.float32),
                    "sum": tfds.features.Scalar(dtype=np.float32),
                }
            ),
            supervised_keys=("sequence", "sum"),
            homepage="https://github.com/locuslab/TCN/tree/master/TCN/adding_problem",
            citation=_CITATION,
            license="generated: no rights reserved",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {
            "train": self._generate_examples(0, self.builder_config.train_examples),
            "test": self._generate_examples(1, self.builder_config.test_examples),
        }

    def _generate_examples(self, stream: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        length = self.builder_config.length
        random = np.random.default_rng((self.builder_config.seed, stream))
        for start in range(0, count, CHUNK):
            rows = np.arange(min(CHUNK, count - start))
            sequences = np.zeros((len(rows), length, 2), np.float32)
            sequences[..., 0] = random.random((len(rows), length), np.float32)
            first = random.integers(length, size=len(rows))
            second = random.integers(length - 1, size=len(rows))
            second += second >= first
            sequences[rows, first, 1] = sequences[rows, second, 1] = 1
            sums = sequences[rows, first, 0] + sequences[rows, second, 0]
            for row in rows:
                yield start + int(row), {"sequence": sequences[row], "sum": sums[row]}
