"""Handwritten digits of 784 pixels: a long sequence with a plain meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.config import TaskConfig, one_of

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

PERMUTATION_SEED = 0  # any order serves, as long as it is always the same


@tasks.register(
    "mnist",
    tags={"classification", "features", "image"},
    reference="arXiv:1504.00941",
)
@dataclass(frozen=True)
class Mnist(TaskConfig):
    """Which of ten digits 28 × 28 pixels show: 60,000 images for training, 10,000 for test.

    The pixels come one by one from the top left, one by one in an order that is random but always the same, or row by
    row, 28 steps of 28 numbers.
    """

    order: Annotated[str, Choice("pixel", "permuted", "row"), "what the steps are"] = "pixel"

    source: ClassVar[str] = "mnist:3.0.1"
    standardise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("order", self.order, ("pixel", "permuted", "row"))

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks import source

        return source.read_classes(self, data_dir, input="image", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        import numpy as np

        from keraseq.tasks.preprocess import FeaturePreprocessor

        if self.order == "row":
            return FeaturePreprocessor(size=28, length=28, layout="rows")
        order = np.random.default_rng(PERMUTATION_SEED).permutation(784) if self.order == "permuted" else None
        return FeaturePreprocessor(size=1, length=784, layout="pixels", permutation=order)
