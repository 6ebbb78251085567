"""What tasks that read small images as sequences share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Choice
from keraseq.tasks.config import TaskConfig, one_of

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

ORDERS = ("pixel", "permuted", "row")
PERMUTATION_SEED = 0  # any order serves, as long as it is always the same


@dataclass(frozen=True)
class PixelConfig(TaskConfig):
    """Settings of tasks that ask for the class of a small image.

    The pixels come one by one from the top left, one by one in an order that is random but always the same, or row by
    row.

    Attributes:
        shape: height, width and channels of every image.
    """

    order: Annotated[str, Choice(*ORDERS), "what the steps are"] = "pixel"

    shape: ClassVar[tuple[int, int, int]] = (28, 28, 1)
    standardise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("order", self.order, ORDERS)

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks import source

        return source.read_classes(self, data_dir, input="image", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        return self.steps()

    def steps(self, grey: bool = False) -> Preprocessor:
        """From an image to its steps, those of its grey levels where asked for."""
        import numpy as np

        from keraseq.tasks.preprocess import FeaturePreprocessor

        height, width, channels = self.shape
        size, pixels = 1 if grey else channels, height * width
        if self.order == "row":
            return FeaturePreprocessor(width * size, height, "rows", grey=grey)
        order = np.random.default_rng(PERMUTATION_SEED).permutation(pixels) if self.order == "permuted" else None
        return FeaturePreprocessor(size, pixels, "pixels", order, grey=grey)
