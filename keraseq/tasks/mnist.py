"""Handwritten digits of 784 pixels: a long sequence with a plain meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keraseq.registry import tasks
from keraseq.tasks.baseline import Baseline, bai_2018
from keraseq.tasks.pixels import PixelConfig


@tasks.register("mnist", tags={"classification", "features", "image"}, reference="arXiv:1504.00941")
@dataclass(frozen=True)
class Mnist(PixelConfig):
    """Which of ten digits 28 × 28 pixels show: 60,000 images for training, 10,000 for test.

    The pixels come one by one from the top left, one by one in an order that is random but always the same, or row by
    row, 28 steps of 28 numbers.
    """

    source: ClassVar[str] = "mnist:3.0.1"
    baselines: ClassVar[tuple[Baseline, ...]] = (
        *bai_2018("accuracy", "order=pixel, 70 K parameters", lstm=0.872, gru=0.962, rnn=0.215, tcn=0.990),
        *bai_2018("accuracy", "order=permuted, 70 K parameters", lstm=0.857, gru=0.873, rnn=0.253, tcn=0.972),
    )
