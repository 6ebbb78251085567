"""Preprocessors: a raw example, text or array, to the steps that a model takes.

A preprocessor is saved beside a model, so that the model predicts on raw examples without its data set.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.models.inputs import Features, Inputs, Tokens
from keraseq.tasks import tokenise
from keraseq.tasks.config import one_of
from keraseq.tasks.examples import Examples
from keraseq.tasks.pipeline import assemble


class Preprocessor(ABC):
    """Turns raw examples into model inputs.

    Attributes:
        kind: name of the preprocessor in JSON.
        spec: the inputs that it gives.
    """

    kind: ClassVar[str]
    spec: Inputs

    @abstractmethod
    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        """The steps of each raw example, at least one, in a compact dtype; shape `(time,)` or `(time, size)`.

        Raises:
            UsageError: an example that cannot be used, by its index.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The preprocessor as plain data."""

    @staticmethod
    def from_json(data: dict[str, Any]) -> Preprocessor:
        """The preprocessor that `to_json` wrote."""
        kinds: dict[str, Any] = {kind.kind: kind for kind in (TextPreprocessor, FeaturePreprocessor)}
        settings = dict(data)
        return kinds[settings.pop("kind")].restore(settings)

    def batch(self, raws: Sequence[Any] | np.ndarray) -> Any:
        """One batch of model inputs: int32 tokens `(batch, time)`, float32 features `(batch, time, size)`, or a
        dictionary of `values` and `mask` where the lengths of features differ.

        Raises:
            UsageError: no example, or one that cannot be used.
        """
        check(not isinstance(raws, str), "a list of texts is wanted; got one text. Remedy: put it in [ ]")
        check(len(raws) > 0, "at least one example is wanted; got none")
        examples = Examples.join(self.steps(raws), np.empty(len(raws)))
        return assemble(examples, np.arange(len(raws)), self.spec)


class TextPreprocessor(Preprocessor):
    """Texts to symbols. A text without any symbol becomes one unknown symbol.

    Args:
        tokeniser: cuts a text into symbols.
        max_length: most symbols of a text.
        truncate: which end of a longer text is cut, `"start"` or `"end"`.
    """

    kind = "text"

    def __init__(self, tokeniser: tokenise.Tokeniser, max_length: int, truncate: str):
        one_of("truncate", truncate, ("start", "end"))
        self.tokeniser = tokeniser
        self.max_length = max_length
        self.truncate = truncate
        self.spec = Tokens(tokeniser.size, longest=max_length)

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        for index, raw in enumerate(raws):
            if not isinstance(raw, str):
                raise UsageError(f"example {index} must be a text; got {type(raw).__name__}")
        kept = slice(-self.max_length, None) if self.truncate == "start" else slice(self.max_length)
        unknown = np.array([tokenise.UNKNOWN], np.int32)
        return [symbols[kept] if len(symbols) else unknown for symbols in self.tokeniser.encode(list(raws))]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "tokeniser": tokenise.to_json(self.tokeniser),
            "max_length": self.max_length,
            "truncate": self.truncate,
        }

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> TextPreprocessor:
        """The preprocessor with these settings, as in JSON."""
        return cls(**(settings | {"tokeniser": tokenise.from_json(settings["tokeniser"])}))


class FeaturePreprocessor(Preprocessor):
    """Arrays of numbers to steps.

    Args:
        size: numbers a step.
        length: steps of every example, or None where they differ.
        layout: `"steps"`: an example is `(time,)` or `(time, size)`. `"pixels"`: an image `(height, width)` or
            `(height, width, channels)` whose pixels are the steps, in reading order. `"rows"`: an image whose rows are.
        permutation: the order in which the steps are taken, `length` indices, or None for the natural one.
    """

    kind = "features"

    def __init__(
        self, size: int, length: int | None, layout: str, permutation: Sequence[int] | np.ndarray | None = None
    ):
        one_of("layout", layout, ("steps", "pixels", "rows"))
        self.size = size
        self.length = length
        self.layout = layout
        self.permutation = None if permutation is None else np.asarray(permutation, np.int64)
        self.spec = Features(size, length)

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        return [self._steps(raw, index) for index, raw in enumerate(raws)]

    def _steps(self, raw: Any, index: int) -> np.ndarray:
        try:
            array = np.asarray(raw)
        except ValueError as error:
            raise UsageError(f"example {index} must be an array of numbers: {error}") from error
        check(array.dtype.kind in "buif", f"example {index} must hold numbers; got dtype {array.dtype}")
        dimensions = (1, 2) if self.layout == "steps" else (2, 3)
        shapes = "(time,) or (time, size)" if self.layout == "steps" else "(height, width) or (height, width, channels)"
        check(array.ndim in dimensions, f"example {index} must have shape {shapes}; got {array.shape}")
        channels = array.shape[-1] if array.ndim == dimensions[1] else 1
        if self.layout == "rows":
            array = array.reshape(array.shape[0], array.shape[1] * channels)
        else:
            array = array.reshape(array.size // max(channels, 1), channels)
        wanted = f"({'time' if self.length is None else self.length}, {self.size})"
        fits = array.shape[1] == self.size and array.shape[0] == (self.length or array.shape[0]) and array.size > 0
        check(fits, f"example {index} must have steps of shape {wanted}, time at least 1; got {array.shape}")
        array = _compact(array, index)
        return array if self.permutation is None else array[self.permutation]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "size": self.size,
            "length": self.length,
            "layout": self.layout,
            "permutation": None if self.permutation is None else self.permutation.tolist(),
        }

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> FeaturePreprocessor:
        """The preprocessor with these settings, as in JSON."""
        return cls(**settings)


def _compact(array: np.ndarray, index: int) -> np.ndarray:
    """Integers of up to 32 bits as they are, longer ones as int32 where they fit; all else as finite float32."""
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and array.min() >= -(2**31) and array.max() < 2**31:
        return array.astype(np.int32)
    if array.dtype.kind in "iu" and array.dtype.itemsize < 8:
        return array
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    check(
        bool(np.isfinite(array).all()),
        f"example {index} must be finite in float32; it holds NaN or infinity. Remedy: clean the data",
    )
    return array
