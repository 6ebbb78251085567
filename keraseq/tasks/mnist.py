"""Handwritten digits of 784 pixels: a long sequence with a plain meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keraseq.registry import tasks
from keraseq.tasks.pixels import PixelConfig


@tasks.register("mnist", tags={"classification", "features", "image"}, reference="arXiv:1504.00941")
@dataclass(frozen=True)
class Mnist(PixelConfig):
    """Which of ten digits 28 × 28 pixels show: 60,000 images for training, 10,000 for test.

    The pixels come one by one from the top left, one by one in an order that is random but always the same, or row by
    row, 28 steps of 28 numbers.
    """

    source: ClassVar[str] = "mnist:3.0.1"
