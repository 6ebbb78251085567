"""Spoken commands of one second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.config import AudioConfig

if TYPE_CHECKING:
    from keraseq.tasks.source import Data


@tasks.register("speech_commands", tags={"classification", "audio"}, reference="arXiv:1804.03209")
@dataclass(frozen=True)
class SpeechCommands(AudioConfig):
    """Which of ten commands is spoken in a second at 16 kHz, or silence, or another word: twelve classes.

    The Speech Commands Dataset 0.0.2 as TFDS has it, with its own splits for train, validation and test, whose speakers
    differ; 2.4 GB to download. In train most recordings are of other words; in test all classes are about as frequent.
    Preparing it needs the package pydub: `pip install "keraseq[speech]"`.
    """

    max_seconds: Annotated[float, "most seconds of a recording; what comes later is cut"] = 1.0

    source: ClassVar[str] = "speech_commands:0.0.3"

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks import source

        return source.read_classes(self, data_dir, input="audio", label="label")
