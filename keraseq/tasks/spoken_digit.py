"""Spoken digits, the smallest real task from raw sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.config import AudioConfig

if TYPE_CHECKING:
    from keraseq.tasks.source import Data, Share


@tasks.register(
    "spoken_digit",
    tags={"classification", "audio"},
    reference="https://github.com/Jakobovski/free-spoken-digit-dataset",
)
@dataclass(frozen=True)
class SpokenDigit(AudioConfig):
    """Which of ten digits is spoken: 2,500 recordings of five speakers at 8 kHz, of 0.14 to 2.3 seconds.

    The Free Spoken Digit Dataset 1.0.9 as TFDS has it. TFDS has one split of all 2,500: a fifth of each digit, 500
    recordings, is for test, the same whatever the settings. The same five speakers are heard in every split. Preparing
    it needs the package pydub: `pip install "keraseq[speech]"`.
    """

    max_seconds: Annotated[float, "most seconds of a recording; what comes later is cut"] = 2.5
    batch_size: Annotated[int, "sequences a batch"] = 32

    source: ClassVar[str] = "spoken_digit:1.0.9"
    baselines: ClassVar[tuple[Baseline, ...]] = (Baseline("cnn", "accuracy", 0.994, MEASURED),)

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks import source

        return source.read_classes(self, data_dir, input="audio", label="label", test=share_for_test())


def share_for_test() -> Share:
    """The fifth of the recordings that is for test; any seed serves, as long as it is always the same."""
    from keraseq.tasks import source

    return source.Share(0.2, seed=0, stratified=True)
