"""Running text to symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keraseq.models.inputs import Tokens
from keraseq.models.outputs import LanguageModelling
from keraseq.tasks import tokenise
from keraseq.tasks.preprocess.base import Preprocessor
from keraseq.tasks.preprocess.text import symbols_of

UNITS = {"bytes": "byte", "characters": "character", "subwords": "subword", "whitespace": "word", "words": "word"}


class StreamPreprocessor(Preprocessor):
    """Texts to symbols, of which a model sees windows: see `keraseq.tasks.stream`.

    Args:
        tokeniser: cuts texts into symbols.
        length: most steps of a window.
    """

    kind = "stream"
    reads_text = True

    def __init__(self, tokeniser: tokenise.Tokeniser, length: int):
        self.tokeniser = tokeniser
        self.length = length
        self.spec = Tokens(tokeniser.size, longest=length)

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        return symbols_of(self.tokeniser, raws)

    def given(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        """The last `length` symbols of each text: models have seen no longer ones."""
        return [symbols[-self.length :] for symbols in self.steps(raws)]

    def output(self, longest: int) -> LanguageModelling:
        return LanguageModelling(self.tokeniser.size, UNITS[self.tokeniser.kind])

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "tokeniser": tokenise.to_json(self.tokeniser), "length": self.length}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> StreamPreprocessor:
        return cls(tokenise.from_json(settings["tokeniser"]), settings["length"])
