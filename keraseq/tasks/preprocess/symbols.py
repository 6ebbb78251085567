"""Arrays of whole numbers to symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.models.inputs import Tokens
from keraseq.tasks.preprocess.base import Preprocessor, array_of


class SymbolPreprocessor(Preprocessor):
    """Sequences of whole numbers 0 … size - 1 to the symbols 1 … size: symbol 0 is padding.

    Args:
        size: how many numbers there are.
        length: steps of every example, or None where they differ.
        longest: steps of the longest example, or None where nobody knows.
    """

    kind = "symbols"

    def __init__(self, size: int, length: int | None, longest: int | None = None):
        self.size = size
        self.length = length
        self.longest = longest
        self.spec = Tokens(size + 1, length, longest)

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        return [self._steps(raw, index) for index, raw in enumerate(raws)]

    def _steps(self, raw: Any, index: int) -> np.ndarray:
        array = array_of("whole numbers", raw, index)
        check(array.dtype.kind in "uif", f"example {index} must hold whole numbers; got dtype {array.dtype}")
        fits = array.ndim == 1 and array.size > 0 and len(array) == (self.length or len(array))
        wanted = f"({'time' if self.length is None else self.length},)"
        check(fits, f"example {index} must have shape {wanted}, time at least 1; got {array.shape}")
        wrong = np.flatnonzero(~((array >= 0) & (array < self.size) & (array % 1 == 0)))
        if len(wrong):
            raise UsageError(
                f"example {index} must hold whole numbers in 0 … {self.size - 1}; got {array[wrong[0]]} at step "
                f"{wrong[0]}"
            )
        return array.astype(np.min_scalar_type(self.size)) + np.uint8(1)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "size": self.size, "length": self.length, "longest": self.longest}
