"""Parity: is the number of ones even?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.config import RaggedConfig

if TYPE_CHECKING:
    import numpy as np

    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


def count_ones(tokens: np.ndarray) -> np.ndarray:
    """The exact answer: 1 where the number of ones is odd; `(batch, time)` → `(batch,)`."""
    return (tokens == 2).sum(axis=1) % 2  # token 1 is a zero, 2 a one


@tasks.register(
    "parity",
    tags={"classification", "tokens", "synthetic"},
    reference="Hahn 2020, arXiv:1906.06755; Delétang et al. 2023, arXiv:2207.02098",
    cases=(
        {"length": 20, "train_examples": 500, "test_examples": 100},
        {"length": 20, "train_examples": 500, "test_examples": 100, "test_length": 40},
    ),
)
@dataclass(frozen=True)
class Parity(RaggedConfig):
    """Whether a string of bits has an even or an odd number of ones.

    Lengths are drawn evenly from `shortest … length`, but no string comes twice: short lengths, which have few strings,
    give at most these, and most of them to train, from which test and validation take no string.

    Differs from Delétang et al. 2023: strings are drawn once, not afresh for every batch; their lengths for test, up to
    500, are `test_length=500`.
    """

    source: ClassVar[str] = "parity:1.0.0"
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(count_ones)

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Classification

        return self.read_generated(data_dir, Classification(("even", "odd")), input="sequence", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        return self.symbols(2)
