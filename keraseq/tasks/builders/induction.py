"""The TFDS builder `induction`: the task of induction heads, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import Generated

SPECIAL = 0

_CITATION = """@article{olsson2022context,
  author = {Olsson, Catherine and others},
  title = {In-context Learning and Induction Heads},
  journal = {arXiv:2209.11895},
  year = {2022},
}
@article{gu2023mamba,
  author = {Gu, Albert and Dao, Tri},
  title = {Mamba: Linear-Time Sequence Modeling with Selective State Spaces},
  journal = {arXiv:2312.00752},
  year = {2023},
}"""


class Induction(Generated):
    """Random symbols, a special one once among them and again at the end; what followed it the first time."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        steps = (self.builder_config.task.input_length,)
        return self.describe(
            "Random symbols 1, 2, … with the special symbol 0 at one random place and at the end. The label is -1, but "
            "at the end the symbol after the first 0, less 1.",
            sequence=tfds.features.Tensor(shape=steps, dtype=np.uint8),
            target=tfds.features.Tensor(shape=steps, dtype=np.int32),
            homepage="https://arxiv.org/abs/2312.00752",
            citation=_CITATION,
        )

    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        (length,) = lengths
        rows = np.arange(count)
        sequences = random.integers(1, self.builder_config.task.kinds, (count, length), np.uint8, endpoint=True)
        first = random.integers(length - 2, size=count)
        sequences[rows, first] = sequences[:, -1] = SPECIAL
        labels = np.full(sequences.shape, -1, np.int32)
        labels[:, -1] = sequences[rows, first + 1] - 1
        return zip(sequences, labels, strict=True)
