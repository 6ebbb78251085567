"""The TFDS builder `parity`: strings of bits, generated from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks.builders.generated import Generated

_CITATION = """@article{deletang2023neural,
  author = {Del{\\'e}tang, Gr{\\'e}goire and others},
  title = {Neural Networks and the Chomsky Hierarchy},
  journal = {arXiv:2207.02098},
  year = {2023},
}"""


class Parity(Generated):
    """Strings of bits; whether the number of ones is odd."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return self.describe(
            "Random bits, of random length. The label is 1 where the number of ones is odd.",
            sequence=tfds.features.Tensor(shape=(self.builder_config.task.input_length,), dtype=np.uint8),
            target=tfds.features.ClassLabel(names=("even", "odd")),
            homepage="https://arxiv.org/abs/2207.02098",
            citation=_CITATION,
        )

    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        sizes = random.choice(lengths, count)
        bits = random.integers(2, size=(count, lengths[-1]), dtype=np.uint8)
        sequences = [row[:size] for row, size in zip(bits, sizes, strict=True)]
        return [(sequence, int(sequence.sum() % 2)) for sequence in sequences]
