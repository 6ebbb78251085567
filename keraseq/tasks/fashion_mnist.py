"""Clothes of 784 pixels: as `mnist`, and harder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keraseq.registry import tasks
from keraseq.tasks.pixels import PixelConfig


@tasks.register("fashion_mnist", tags={"classification", "features", "image"}, reference="arXiv:1708.07747")
@dataclass(frozen=True)
class FashionMnist(PixelConfig):
    """Which of ten kinds of clothes 28 × 28 pixels show: 60,000 images for training, 10,000 for test.

    The steps are those of `mnist`: pixel by pixel, permuted, or row by row.
    """

    source: ClassVar[str] = "fashion_mnist:3.0.1"
