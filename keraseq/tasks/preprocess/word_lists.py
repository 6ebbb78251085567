"""Texts that come as lists of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.models.inputs import Tokens
from keraseq.tasks import tokenise
from keraseq.tasks.preprocess.base import Preprocessor

INSIDE = "\u2581"  # in place of white space within a word


class WordListPreprocessor(Preprocessor):
    """Lists of words to symbols, one a word.

    Args:
        tokeniser: of words between single spaces.
        lower_case: whether capital letters are taken for small ones.
    """

    kind = "word_list"

    def __init__(self, tokeniser: tokenise.Whitespace, lower_case: bool = True):
        self.tokeniser = tokeniser
        self.lower_case = lower_case
        self.spec = Tokens(tokeniser.size)

    @classmethod
    def fit(
        cls, raws: Sequence[Any] | np.ndarray, vocabulary_size: int, lower_case: bool = True
    ) -> WordListPreprocessor:
        """The preprocessor that knows the commonest words of `raws`."""
        return cls(tokenise.Whitespace.fit(_texts(raws, lower_case), vocabulary_size), lower_case)

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        return self.tokeniser.encode(_texts(raws, self.lower_case))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "tokeniser": tokenise.to_json(self.tokeniser), "lower_case": self.lower_case}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> WordListPreprocessor:
        tokeniser = tokenise.from_json(settings.pop("tokeniser"))
        assert isinstance(tokeniser, tokenise.Whitespace)
        return cls(tokeniser, **settings)


def _texts(raws: Sequence[Any] | np.ndarray, lower_case: bool) -> list[str]:
    texts = [" ".join(_words(raw, index)) for index, raw in enumerate(raws)]
    return [text.lower() for text in texts] if lower_case else texts


def _words(raw: Any, index: int) -> list[str]:
    if isinstance(raw, str | bytes):
        raise UsageError(f"example {index} must be a list of words; got one text. Remedy: cut it into words")
    words = [word.decode("utf-8", "replace") if isinstance(word, bytes) else word for word in raw]
    check(len(words) > 0, f"example {index} must have at least one word; got none")
    for word in words:
        check(isinstance(word, str) and word != "", f"example {index} must hold words; got {word!r}")
    return [INSIDE.join(word.split()) or INSIDE for word in words]
