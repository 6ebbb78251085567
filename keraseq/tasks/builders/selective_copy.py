"""The TFDS builder `selective_copy`: selective copying, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import Generated

BLANK, DELIMITER, FIRST = 0, 1, 2  # the first of the symbols

_CITATION = """@article{gu2023mamba,
  author = {Gu, Albert and Dao, Tri},
  title = {Mamba: Linear-Time Sequence Modeling with Selective State Spaces},
  journal = {arXiv:2312.00752},
  year = {2023},
}"""


class SelectiveCopy(Generated):
    """Symbols at random places among blanks, delimiters; the symbols at the delimiters."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        steps = (self.builder_config.task.input_length,)
        return self.describe(
            "Blanks (0) with symbols (2, 3, …) at random places, then as many delimiters (1) as symbols. The label is "
            "-1, but at the delimiters the symbols in their order, counted from 0.",
            sequence=tfds.features.Tensor(shape=steps, dtype=np.uint8),
            target=tfds.features.Tensor(shape=steps, dtype=np.int32),
            homepage="https://arxiv.org/abs/2312.00752",
            citation=_CITATION,
        )

    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        (length,) = lengths
        memory, kinds = self.builder_config.task.memory, self.builder_config.task.kinds
        symbols = random.integers(kinds, size=(count, memory), dtype=np.uint8)
        places = np.sort(random.random((count, length)).argsort(axis=1)[:, :memory], axis=1)
        sequences = np.full((count, length + memory), BLANK, np.uint8)
        sequences[:, length:] = DELIMITER
        np.put_along_axis(sequences, places, symbols + np.uint8(FIRST), axis=1)
        labels = np.full(sequences.shape, -1, np.int32)
        labels[:, length:] = symbols
        return zip(sequences, labels, strict=True)
