"""Settings of tasks whose inputs are recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import check
from keraseq.tasks.config.base import TaskConfig

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Raw


@dataclass(frozen=True)
class AudioConfig(TaskConfig):
    """Settings of tasks whose inputs are recordings, of which a model sees log-mel frames."""

    max_seconds: Annotated[float, "most seconds of a recording; what comes later is cut"] = 30.0
    mels: Annotated[int, "bands of a frame, evenly spaced on the mel scale"] = 40
    frame_length: Annotated[float, "seconds of a frame"] = 0.025
    hop: Annotated[float, "seconds from one frame to the next"] = 0.01

    standardise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, usual in {"max_seconds": "30", "mels": "40", "frame_length": "0.025", "hop": "0.01"}.items():
            value = getattr(self, name)
            check(value > 0, f"{name} must be above 0; got {value}. Remedy: {usual} is usual")
        check(
            self.hop <= self.frame_length,
            f"hop must be at most frame_length ({self.frame_length}), or samples are lost; got {self.hop}",
        )

    def fit(self, train: Raw) -> Preprocessor:
        import numpy as np

        from keraseq.tasks.preprocess import AudioPreprocessor

        assert train.rate is not None
        length = train.inputs.shape[1] if isinstance(train.inputs, np.ndarray) else None
        return AudioPreprocessor(train.rate, self.max_seconds, length, self.mels, self.frame_length, self.hop)
