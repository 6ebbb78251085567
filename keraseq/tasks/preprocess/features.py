"""Arrays of numbers to steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keraseq.config import check
from keraseq.models.inputs import Features
from keraseq.tasks.config import one_of
from keraseq.tasks.preprocess.base import Preprocessor, array_of

GREY = np.array([0.299, 0.587, 0.114])  # of red, green and blue


class FeaturePreprocessor(Preprocessor):
    """Arrays of numbers to steps.

    Args:
        size: numbers a step.
        length: steps of every example, or None where they differ.
        layout: `"steps"`: an example is `(time,)` or `(time, size)`. `"pixels"`: an image `(height, width)` or
            `(height, width, channels)` whose pixels are the steps, in reading order. `"rows"`: an image whose rows are.
        permutation: the order in which the steps are taken, `length` indices, or None for the natural one.
        grey: whether a pixel of red, green and blue becomes its grey level, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601),
            rounded where these are whole numbers.
    """

    kind = "features"

    def __init__(
        self,
        size: int,
        length: int | None,
        layout: str,
        permutation: Sequence[int] | np.ndarray | None = None,
        grey: bool = False,
    ):
        one_of("layout", layout, ("steps", "pixels", "rows"))
        check(not grey or layout != "steps", "grey is for images; got layout='steps'. Remedy: grey=False")
        self.size = size
        self.length = length
        self.layout = layout
        self.permutation = None if permutation is None else np.asarray(permutation, np.int64)
        self.grey = grey
        self.spec = Features(size, length)

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        return [self._steps(raw, index) for index, raw in enumerate(raws)]

    def _steps(self, raw: Any, index: int) -> np.ndarray:
        array = array_of("numbers", raw, index)
        check(array.dtype.kind in "buif", f"example {index} must hold numbers; got dtype {array.dtype}")
        dimensions = (1, 2) if self.layout == "steps" else (2, 3)
        shapes = "(time,) or (time, size)" if self.layout == "steps" else "(height, width) or (height, width, channels)"
        check(array.ndim in dimensions, f"example {index} must have shape {shapes}; got {array.shape}")
        array = _grey(array, index) if self.grey else array
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
            "grey": self.grey,
        }


def _grey(image: np.ndarray, index: int) -> np.ndarray:
    """`(height, width, 3)` → `(height, width)`, of the same dtype."""
    check(image.shape[2:] == (3,), f"example {index} must have shape (height, width, 3); got {image.shape}")
    levels = image @ GREY
    return (np.round(levels) if image.dtype.kind in "iu" else levels).astype(image.dtype)


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
