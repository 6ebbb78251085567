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
        check((self.mean is None) == (self.deviation is None), "mean and deviation must be given together")
        for name in ("mean", "deviation"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, tuple(map(float, values)))
                check(len(values) == self.size, f"{name} must have {self.size} numbers; got {len(values)}")


Inputs = Tokens | Features


def to_json(inputs: Inputs) -> dict[str, Any]:
    """The specification as plain data."""
    return {"kind": type(inputs).__name__.lower(), **settings_of(inputs)}


def from_json(data: dict[str, Any]) -> Inputs:
    """The specification that `to_json` wrote."""
    kinds = {"tokens": Tokens, "features": Features}
    settings = dict(data)
    return kinds[settings.pop("kind")](**settings)


def valid_steps(inputs: Inputs, given: Any) -> np.ndarray | None:
    """Which steps of a batch of model inputs are not padding, bool, `(batch, time)`; None where none can be padding."""
    if isinstance(inputs, Tokens):
        return given != 0
    return given["mask"] if inputs.length is None else None


def enter(inputs: Inputs, width: int) -> tuple[Any, keras.KerasTensor]:
    """The Keras inputs of a model and the steps that its backbone sees, shape `(batch, time, features)`, with mask.

    Tokens become learned vectors of size `width`; features stay as they are, but standardised.
    """
    import keras

    from keraseq import layers

    if isinstance(inputs, Tokens):
        tokens = keras.Input((inputs.length,), dtype="int32", name="tokens")
        return tokens, keras.layers.Embedding(inputs.vocabulary_size, width, mask_zero=True, name="embedding")(tokens)
    values = keras.Input((inputs.length, inputs.size), dtype="float32", name="values")
    x = values
    if inputs.mean is not None:
        variance = [deviation**2 for deviation in inputs.deviation or ()]
        x = keras.layers.Normalization(mean=inputs.mean, variance=variance, name="standardise")(x)
    if inputs.length is not None:
        return values, x
    mask = keras.Input((None,), dtype="bool", name="mask")
    return {"values": values, "mask": mask}, layers.AttachMask(name="attach_mask")([x, mask])
