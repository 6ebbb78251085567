"""Running text to windows of symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keraseq.config import check
from keraseq.models.inputs import Tokens
from keraseq.models.outputs import LanguageModelling
from keraseq.tasks import tokenise
from keraseq.tasks.examples import Examples, Sequences
from keraseq.tasks.preprocess.base import Preprocessor
from keraseq.tasks.preprocess.text import symbols_of

UNITS = {"bytes": "byte", "characters": "character", "subwords": "subword", "whitespace": "word", "words": "word"}


class StreamPreprocessor(Preprocessor):
    """Texts to symbols, and a stream of symbols to windows of one length.

    Args:
        tokeniser: cuts texts into symbols.
        length: steps of a window.
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

    def windows(self, stream: np.ndarray, context: int = 0) -> Examples:
        """Windows of `length` symbols, each with the symbols that come next; every symbol but the first is asked for
        once.

        Where the last window would be short it begins earlier, and asks only for what no other has asked for.

        Args:
            stream: all symbols, `(steps,)`.
            context: steps at the start of a window, but the first, that are not asked for, since they were by the
                window before: every symbol is foretold from at least so many before it.
        """
        check(len(stream) >= 2, f"a text of at least 2 symbols is wanted; got {len(stream)}")
        length = min(self.length, len(stream) - 1)
        last = len(stream) - 1 - length
        starts = np.append(np.arange(0, last, length - min(context, length - 1)), last)
        asked_before = np.append(0, starts[:-1] + length)  # symbols that no window may ask for again, but one
        at = starts[:, None] + np.arange(length)  # (windows, length)
        targets = np.where(at >= asked_before[:, None], stream[at + 1], LanguageModelling.padding)
        offsets = np.arange(len(starts) + 1, dtype=np.int64) * length
        compact = np.min_scalar_type(self.tokeniser.size)
        return Examples(*(Sequences(side.astype(compact).ravel(), offsets) for side in (stream[at], targets)))

    def output(self, longest: int) -> LanguageModelling:
        return LanguageModelling(self.tokeniser.size, UNITS[self.tokeniser.kind])

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "tokeniser": tokenise.to_json(self.tokeniser), "length": self.length}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> StreamPreprocessor:
        return cls(tokenise.from_json(settings["tokeniser"]), settings["length"])
