"""Photographs of 1,024 pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.pixels import PixelConfig

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Raw


@tasks.register("cifar10", tags={"classification", "features", "image"}, reference="arXiv:2011.04006")
@dataclass(frozen=True)
class Cifar10(PixelConfig):
    """Which of ten things 32 × 32 pixels show: 50,000 photographs for training, 10,000 for test.

    A step is the grey level of a pixel, 1,024 steps of one number, as in Long Range Arena; with `grey=false` it is red,
    green and blue. With `order="row"` there are 32 steps of 32 or 96 numbers.
    """

    grey: Annotated[bool, "whether a pixel is its grey level, else red, green and blue"] = True

    source: ClassVar[str] = "cifar10:3.0.2"
    shape: ClassVar[tuple[int, int, int]] = (32, 32, 3)

    def fit(self, train: Raw) -> Preprocessor:
        return self.steps(self.grey)
