"""The TFDS builder `copy_memory`: the copying memory problem, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import CHUNK
from keraseq.tasks.copy_memory import MEMORY

BLANK, SYMBOLS, DELIMITER = 0, 8, 9

_CITATION = """@article{hochreiter1997long,
  author = {Hochreiter, Sepp and Schmidhuber, J{\\"u}rgen},
  title = {Long Short-Term Memory},
  journal = {Neural Computation},
  volume = {9},
  number = {8},
  year = {1997},
}
@article{bai2018empirical,
  author = {Bai, Shaojie and Kolter, J. Zico and Koltun, Vladlen},
  title = {An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling},
  journal = {arXiv:1803.01271},
  year = {2018},
}"""


class CopyMemory(tfds.core.GeneratorBasedBuilder):
    """Ten symbols, many blanks, delimiters; blanks, and the ten symbols at the delimiters."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        steps = self.builder_config.length + 2 * MEMORY
        return tfds.core.DatasetInfo(
            builder=self,
            description="Ten random symbols 1 … 8, length - 1 blanks (0), eleven delimiters (9). The target is blank "
            "but for the last ten steps, where it is the ten symbols.",
            features=tfds.features.FeaturesDict(
                {
                    "sequence": tfds.features.Tensor(shape=(steps,), dtype=np.uint8),
                    "copy": tfds.features.Tensor(shape=(steps,), dtype=np.uint8),
                }
            ),
            supervised_keys=("sequence", "copy"),
            homepage="https://github.com/locuslab/TCN/tree/master/TCN/copy_memory",
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
        steps = self.builder_config.length + 2 * MEMORY
        random = np.random.default_rng((self.builder_config.seed, stream))
        for start in range(0, count, CHUNK):
            rows = min(CHUNK, count - start)
            symbols = random.integers(1, SYMBOLS, size=(rows, MEMORY), dtype=np.uint8, endpoint=True)
            sequences = np.full((rows, steps), BLANK, np.uint8)
            sequences[:, :MEMORY] = symbols
            sequences[:, -MEMORY - 1 :] = DELIMITER
            copies = np.full((rows, steps), BLANK, np.uint8)
            copies[:, -MEMORY:] = symbols
            for row in range(rows):
                yield start + row, {"sequence": sequences[row], "copy": copies[row]}
