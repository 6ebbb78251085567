"""Recordings to samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keraseq.config import check
from keraseq.models.inputs import Waveform
from keraseq.tasks.pipeline import FULL_SCALE
from keraseq.tasks.preprocess.base import Preprocessor, array_of


class AudioPreprocessor(Preprocessor):
    """Recordings of one channel to 16-bit samples; a batch holds them in [-1, 1), divided by 2^15.

    A recording is `(samples,)` or `(samples, 1)`: whole numbers are taken as 16-bit samples, others as in [-1, 1].

    Args:
        rate: samples a second, in Hz; recordings are not resampled.
        max_seconds: most seconds of a recording; what comes later is cut.
        length: samples of every recording before the cut, or None where they differ.
        mels, frame_length, hop: what the model makes of them: see `keraseq.models.Waveform`.
    """

    kind = "audio"

    def __init__(
        self,
        rate: int,
        max_seconds: float,
        length: int | None,
        mels: int = 40,
        frame_length: float = 0.025,
        hop: float = 0.01,
    ):
        self.rate = rate
        self.max_seconds = max_seconds
        self.length = length
        self.frames: dict[str, Any] = {"mels": mels, "frame_length": frame_length, "hop": hop}
        self.most = max(1, round(max_seconds * rate))
        fixed = None if length is None else min(length, self.most)
        self.spec = Waveform(rate, fixed, self.most if fixed is None else None, **self.frames)

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        return [self._steps(raw, index) for index, raw in enumerate(raws)]

    def _steps(self, raw: Any, index: int) -> np.ndarray:
        array = array_of("samples", raw, index)
        check(
            array.dtype.kind in "if",
            f"example {index} must hold signed 16-bit or floating-point samples; got dtype {array.dtype}",
        )
        check(
            array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1),
            f"example {index} must be one channel, (samples,); got shape {array.shape}. "
            "Remedy: take the mean over channels",
        )
        array = array.reshape(-1)
        check(array.size > 0, f"example {index} is empty; at least one sample is wanted. Remedy: leave it out")
        check(
            self.length in (None, len(array)),
            f"example {index} must have {self.length} samples, as all others; got {len(array)}",
        )
        array = array[: self.most]
        if array.dtype.kind == "f":
            check(
                bool(np.isfinite(array).all()),
                f"example {index} must be finite; it holds NaN or infinity. Remedy: clean the recording",
            )
            loudest = float(np.abs(array).max())
            check(
                loudest <= 1,
                f"example {index} must lie in [-1, 1] where samples are floating-point; got {loudest:g}. "
                "Remedy: divide by the largest value that its format can hold, or give 16-bit integers",
            )
            return np.clip(np.round(array.astype(np.float64) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(
                np.int16
            )
        check(
            array.min() >= -FULL_SCALE and array.max() < FULL_SCALE,
            f"example {index} must hold 16-bit samples; got {array.min()} … {array.max()}. "
            "Remedy: divide by 2^15, or by what its format needs, to floating-point samples in [-1, 1]",
        )
        return array.astype(np.int16)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rate": self.rate,
            "max_seconds": self.max_seconds,
            "length": self.length,
            **self.frames,
        }
