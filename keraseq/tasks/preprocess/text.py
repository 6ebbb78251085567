"""Texts to symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keraseq.errors import UsageError
from keraseq.models.inputs import Tokens
from keraseq.tasks import tokenise
from keraseq.tasks.config import one_of
from keraseq.tasks.preprocess.base import Preprocessor


class TextPreprocessor(Preprocessor):
    """Texts to symbols. A text without any symbol becomes one unknown symbol.

    Args:
        tokeniser: cuts a text into symbols.
        max_length: most symbols of a text.
        truncate: which end of a longer text is cut, `"start"` or `"end"`.
    """

    kind = "text"
    reads_text = True

    def __init__(self, tokeniser: tokenise.Tokeniser, max_length: int, truncate: str):
        one_of("truncate", truncate, ("start", "end"))
        self.tokeniser = tokeniser
        self.max_length = max_length
        self.truncate = truncate
        self.spec = Tokens(tokeniser.size, longest=max_length)

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        kept = slice(-self.max_length, None) if self.truncate == "start" else slice(self.max_length)
        return [symbols[kept] for symbols in symbols_of(self.tokeniser, raws)]

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


def symbols_of(tokeniser: tokenise.Tokeniser, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
    """The symbols of each text, int32, at least one: a text without any becomes one unknown symbol.

    Raises:
        UsageError: an example that is no text, by its index.
    """
    for index, raw in enumerate(raws):
        if not isinstance(raw, str):
            raise UsageError(f"example {index} must be a text; got {type(raw).__name__}")
    unknown = np.array([tokenise.UNKNOWN], np.int32)
    return [symbols if len(symbols) else unknown for symbols in tokeniser.encode(list(raws))]
