"""What one step of a sequence is, and how it enters a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keraseq.config import check, settings_of

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Tokens:
    """Each step is one symbol of a vocabulary; symbol 0 is padding and is masked.

    Model input: int32, shape `(batch, time)`.

    Attributes:
        vocabulary_size: number of symbols, padding included.
        length: steps of every sequence, or None where sequences differ and are padded.
        longest: steps of the longest sequence, or None where nobody knows.
    """

    vocabulary_size: int
    length: int | None = None
    longest: int | None = None

    def __post_init__(self) -> None:
        check(
            self.vocabulary_size >= 2,
            f"vocabulary_size must be at least 2 (padding counts); got {self.vocabulary_size}",
        )


@dataclass(frozen=True)
class Features:
    """Each step is a vector of real numbers, standardised inside the model where mean and deviation are given.

    Model input: float32, shape `(batch, time, size)`; where `length` is None, a dictionary of `values` of that shape
    and `mask`, bool, shape `(batch, time)`, True at real steps.

    Attributes:
        size: numbers a step.
        length: steps of every sequence, or None where sequences differ and are padded.
        mean, deviation: of each number over the training steps, `size` of each, or None to leave values as they are.
    """

    size: int
    length: int | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check(self.size >= 1, f"size must be at least 1; got {self.size}")
        _check_moments(self, self.size)


@dataclass(frozen=True)
class Waveform:
    """A recording, of which the model makes log-mel frames (`keraseq.layers.LogMel`): each is a step of its backbone.

    Model input: float32, in [-1, 1], shape `(batch, samples)`; where `length` is None, a dictionary of `values` of that
    shape and `mask`, bool, `(batch, samples)`, True at real samples.

    Attributes:
        rate: samples a second, in Hz.
        length: samples of every recording, or None where recordings differ and are padded.
        longest: samples of the longest recording, or None where nobody knows.
        mels: bands of a frame.
        frame_length, hop: of a frame, and from one to the next, in seconds.
        mean, deviation: of each band over the training frames, `mels` of each, or None to leave frames as they are.
    """

    rate: int
    length: int | None = None
    longest: int | None = None
    mels: int = 40
    frame_length: float = 0.025
    hop: float = 0.01
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check(self.rate >= 1, f"rate must be at least 1 Hz; got {self.rate}")
        check(self.mels >= 1, f"mels must be at least 1; got {self.mels}")
        check(
            1 / self.rate <= self.hop <= self.frame_length,
            f"hop must be at least one sample, 1 / {self.rate} s, and at most frame_length; got {self.hop} and "
            f"{self.frame_length} s",
        )
        _check_moments(self, self.mels)

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return round(self.hop * self.rate)

    def log_mel(self, **kwargs: Any) -> keras.Layer:
        """The layer from samples to frames that are not standardised yet."""
        from keraseq import layers

        return layers.LogMel(self.rate, self.mels, self.frame_length, self.hop, **kwargs)


Inputs = Tokens | Features | Waveform


def to_json(inputs: Inputs) -> dict[str, Any]:
    """The specification as plain data."""
    return {"kind": type(inputs).__name__.lower(), **settings_of(inputs)}


def from_json(data: dict[str, Any]) -> Inputs:
    """The specification that `to_json` wrote."""
    kinds = {"tokens": Tokens, "features": Features, "waveform": Waveform}
    settings = dict(data)
    return kinds[settings.pop("kind")](**settings)


def longest_steps(inputs: Inputs) -> int | None:
    """Steps of the longest sequence as a backbone sees it, or None where nobody knows."""
    if isinstance(inputs, Features):
        return inputs.length
    longest = inputs.length or inputs.longest
    return longest and steps(inputs, longest)


def steps(inputs: Inputs, length: int) -> int:
    """Steps that a backbone sees of a sequence of `length`: those of tokens and features, the frames of samples."""
    return -(-length // inputs.hop_samples) if isinstance(inputs, Waveform) else length


def valid_steps(inputs: Inputs, given: Any) -> np.ndarray | None:
    """Which steps of a batch of model inputs are not padding, bool, `(batch, time)`; None where none can be padding."""
    if isinstance(inputs, Tokens):
        return given != 0
    if inputs.length is not None:
        return None
    return given["mask"][:, :: inputs.hop_samples] if isinstance(inputs, Waveform) else given["mask"]


def enter(inputs: Inputs, width: int) -> tuple[Any, keras.KerasTensor]:
    """The Keras inputs of a model and the steps that its backbone sees, shape `(batch, time, features)`, with mask.

    Tokens become learned vectors of size `width`, a waveform becomes frames; features stay as they are. Frames and
    features are standardised.
    """
    import keras

    from keraseq import layers

    if isinstance(inputs, Tokens):
        tokens = keras.Input((inputs.length,), dtype="int32", name="tokens")
        return tokens, keras.layers.Embedding(inputs.vocabulary_size, width, mask_zero=True, name="embedding")(tokens)
    mask = None if inputs.length is not None else keras.Input((None,), dtype="bool", name="mask")
    if isinstance(inputs, Waveform):
        values = keras.Input((inputs.length,), dtype="float32", name="values")
        x = _standardise(inputs, inputs.log_mel(dtype="float32", name="log_mel")(values, mask=mask))
        return (values, x) if mask is None else ({"values": values, "mask": mask}, x)
    values = keras.Input((inputs.length, inputs.size), dtype="float32", name="values")
    x = _standardise(inputs, values)
    if mask is None:
        return values, x
    return {"values": values, "mask": mask}, layers.AttachMask(name="attach_mask")([x, mask])


def _standardise(inputs: Features | Waveform, x: keras.KerasTensor) -> keras.KerasTensor:
    """`x` with mean 0 and deviation 1 over the training steps, where these are known.

    In float32 whatever the precision: half of it tells 1000 and 1001 not apart.
    """
    import keras

    if inputs.mean is None:
        return x
    variance = [deviation**2 for deviation in inputs.deviation or ()]
    return keras.layers.Normalization(mean=inputs.mean, variance=variance, dtype="float32", name="standardise")(x)


def _check_moments(inputs: Features | Waveform, size: int) -> None:
    """Checks mean and deviation, both or neither, `size` numbers each, and makes them tuples of floats."""
    check((inputs.mean is None) == (inputs.deviation is None), "mean and deviation must be given together")
    for name in ("mean", "deviation"):
        values = getattr(inputs, name)
        if values is not None:
            object.__setattr__(inputs, name, tuple(map(float, values)))
            check(len(values) == size, f"{name} must have {size} numbers; got {len(values)}")
