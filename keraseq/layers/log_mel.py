"""From samples of a waveform to log-mel frames."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.ops import masks
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "log_mel",
    tags={"audio"},
    reference="Davis & Mermelstein 1980, doi:10.1109/TASSP.1980.1163420",
    cases=(),
)
@keras.saving.register_keras_serializable("keraseq")
class LogMel(keras.Layer):
    """The energy of a sound in bands of frequency, frame by frame.

        y_t,m = log(ε + Σ_k F_k,m |X_t,k|²),   X_t = DFT(w ⊙ x[t h : t h + n])

    with frames of n samples that start every h samples, w the periodic Hann window, and the DFT over the next power of
    two from n. F are triangles of height 1 whose corners lie evenly from `low` to `high` on the mel scale,

        mel(f) = 1127 ln(1 + f / 700)

    and which are linear on it. A frame starts at every h-th sample there is, and what lies behind the last sample is
    zero: T samples give ⌈T / h⌉ frames, at least one, and a recording has the same frames alone and padded.

    Args:
        sampling_rate: samples a second, in Hz.
        mels: bands, at least 1; 40 by default.
        frame_length: of a frame, in seconds; n is the nearest number of samples. 0.025 by default.
        hop: from one frame to the next, in seconds, at most `frame_length`; h is the nearest number of samples. 0.01
            by default.
        low: lowest frequency, in Hz, at least 0; 20 by default.
        high: highest frequency, in Hz, up to half the sampling rate, which None, the default, takes.
        epsilon: ε, above 0, which keeps silence finite; 1e-6 by default.

    Call shapes: `(batch, samples)` or `(batch, samples, 1)`, in [-1, 1] → `(batch, frames, mels)`.

    Mask: padding is read as zero, whatever stands there. A frame is valid where its first sample is, and that mask is
    passed on; the others are zero.

    Precision: computed in float32 from samples that are not cast before, whatever the policy.

    Raises:
        UsageError: an argument out of range, a band so narrow that no frequency of the DFT lies in it, or several
            channels.

    Reference: Davis and Mermelstein 1980, doi:10.1109/TASSP.1980.1163420. Mel scale and triangles: O'Shaughnessy 1987,
    as in The HTK Book, section 5.6 (Young et al. 2006).

    Differs from the references: no cosine transform follows, no pre-emphasis comes before, and energies are of power,
    not of magnitude.
    """

    def __init__(
        self,
        sampling_rate: int,
        mels: int = 40,
        frame_length: float = 0.025,
        hop: float = 0.01,
        low: float = 20.0,
        high: float | None = None,
        epsilon: float = 1e-6,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        check(
            isinstance(sampling_rate, int) and sampling_rate >= 1,
            f"sampling_rate must be a whole number of at least 1, in Hz; got {sampling_rate!r}",
        )
        check(isinstance(mels, int) and mels >= 1, f"mels must be a whole number of at least 1; got {mels!r}")
        top = sampling_rate / 2 if high is None else high
        check(
            0 <= low < top <= sampling_rate / 2,
            f"low and high must satisfy 0 <= low < high <= {sampling_rate / 2:g}, half the sampling rate; "
            f"got {low!r} and {high!r}",
        )
        check(epsilon > 0, f"epsilon must be above 0; got {epsilon!r}")
        self.sampling_rate = sampling_rate
        self.mels = mels
        self.frame_length = frame_length
        self.hop = hop
        self.low = low
        self.high = high
        self.epsilon = epsilon
        self.frame_samples = round(frame_length * sampling_rate)
        self.hop_samples = round(hop * sampling_rate)
        check(
            1 <= self.hop_samples <= self.frame_samples,
            f"hop must be at least one sample, 1 / {sampling_rate} s, and at most frame_length; got {hop!r} and "
            f"{frame_length!r} s",
        )
        self.fft_length = 1 << (self.frame_samples - 1).bit_length()
        self._filters = mel_filters(mels, self.fft_length, sampling_rate, low, top)
        empty = np.flatnonzero(~self._filters.any(axis=0))
        if len(empty):
            raise UsageError(
                f"mels = {mels} leaves band {empty[0]} without a frequency: those of {self.frame_samples} samples lie "
                f"{sampling_rate / self.fft_length:g} Hz apart. Remedy: fewer mels, longer frames, or a higher low"
            )
        turn = 2 * np.pi * np.arange(self.frame_samples) / self.frame_samples
        self._window = (0.5 - 0.5 * np.cos(turn)).astype("float32")

    def build(self, input_shape: Shape) -> None:
        check(
            len(input_shape) == 2 or (len(input_shape) == 3 and input_shape[2] == 1),
            f"log_mel takes (batch, samples) or (batch, samples, 1); got {input_shape}. Remedy: the mean over channels",
        )

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        x = ops.cast(x, "float32")
        x = ops.expand_dims(x, -1) if len(x.shape) == 2 else x
        x = ops.squeeze(masks.zero_padding(x, mask), -1)  # (batch, samples)
        real, imaginary = ops.rfft(self._frames(x) * self._window, self.fft_length)
        power = real**2 + imaginary**2  # (batch, frames, frequencies)
        y = ops.log(self.epsilon + ops.matmul(power, self._filters))
        return ops.cast(masks.zero_padding(y, self.compute_mask(x, mask)), self.compute_dtype)

    def _frames(self, x: Any) -> Any:
        """`(batch, samples)` → `(batch, frames, frame_samples)`."""
        h, n = self.hop_samples, self.frame_samples
        hops = -(-n // h)  # that a frame reaches over
        x = ops.pad(x, ((0, 0), (0, h * hops - 1)))
        blocks = ops.shape(x)[1] // h  # frames + hops - 1
        x = ops.reshape(x[:, : blocks * h], (ops.shape(x)[0], blocks, h))
        frames = blocks - hops + 1
        return ops.concatenate([x[:, i : i + frames] for i in range(hops)], axis=-1)[..., :n]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None if previous_mask is None else ops.cast(previous_mask, "bool")[:, :: self.hop_samples]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        samples = input_shape[1]
        return (input_shape[0], None if samples is None else -(-samples // self.hop_samples), self.mels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sampling_rate": self.sampling_rate,
            "mels": self.mels,
            "frame_length": self.frame_length,
            "hop": self.hop,
            "low": self.low,
            "high": self.high,
            "epsilon": self.epsilon,
        }


def mel_filters(mels: int, fft_length: int, sampling_rate: int, low: float, high: float) -> np.ndarray:
    """The triangles of `LogMel`, float32, `(frequencies, mels)`."""
    mel = _mel(np.arange(fft_length // 2 + 1) * sampling_rate / fft_length)[:, None]  # (frequencies, 1)
    corners = np.linspace(_mel(np.float64(low)), _mel(np.float64(high)), mels + 2)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (mel - left) / (centre - left), (right - mel) / (right - centre)
    return np.maximum(0, np.minimum(rising, falling)).astype("float32")


def _mel(hertz: Any) -> Any:
    return 1127 * np.log1p(hertz / 700)
