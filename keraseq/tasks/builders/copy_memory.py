"""The TFDS builder `copy_memory`: the copying memory problem, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import Generated
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


class CopyMemory(Generated):
    """Ten symbols, many blanks, delimiters; blanks, and the ten symbols at the delimiters."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)
    label = "copy"

    def _info(self) -> Any:
        steps = tfds.features.Tensor(shape=(self.builder_config.task.input_length,), dtype=np.uint8)
        return self.describe(
            "Ten random symbols 1 … 8, length - 1 blanks (0), eleven delimiters (9). The target is blank but for the "
            "last ten steps, where it is the ten symbols.",
            sequence=steps,
            target=steps,
            homepage="https://github.com/locuslab/TCN/tree/master/TCN/copy_memory",
            citation=_CITATION,
        )

    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        (length,) = lengths
        symbols = random.integers(1, SYMBOLS, size=(count, MEMORY), dtype=np.uint8, endpoint=True)
        sequences = np.full((count, length + 2 * MEMORY), BLANK, np.uint8)
        sequences[:, :MEMORY] = symbols
        sequences[:, -MEMORY - 1 :] = DELIMITER
        copies = np.full_like(sequences, BLANK)
        copies[:, -MEMORY:] = symbols
        return zip(sequences, copies, strict=True)
