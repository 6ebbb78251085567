"""Handwritten digits of 64 pixels, the smallest real task: nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.config import TaskConfig

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


@tasks.register(
    "digits",
    tags={"classification", "features", "image"},
    reference="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
)
@dataclass(frozen=True)
class Digits(TaskConfig):
    """Which of ten digits 64 pixels show, read one by one from the top left.

    1,797 images of 8 × 8 pixels with 17 grey levels, part of scikit-learn; every fifth of each digit is for test.
    """

    batch_size: Annotated[int, "sequences a batch"] = 32

    source: ClassVar[str] = "digits:1.0.0"
    downloads: ClassVar[bool] = False
    standardise: ClassVar[bool] = True

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks import source

        return source.read_classes(self, data_dir, input="image", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import FeaturePreprocessor

        return FeaturePreprocessor(size=1, length=64, layout="pixels")
