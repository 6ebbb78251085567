"""Texts to symbols, on both sides of a translation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keraseq.errors import UsageError
from keraseq.models.outputs import Translation
from keraseq.tasks import tokenise
from keraseq.tasks.preprocess.base import Preprocessor
from keraseq.tasks.preprocess.text import TextPreprocessor


class PairPreprocessor(Preprocessor):
    """Texts and their translations to symbols; each side has a vocabulary of its own.

    Args:
        source: from the texts that go in.
        target: cuts the texts that are asked for into symbols, which are never cut short and end in `end`.

    Attributes:
        start, end: the two symbols behind those of `target`.
    """

    kind = "pair"
    reads_text = True

    def __init__(self, source: TextPreprocessor, target: tokenise.Tokeniser):
        self.source = source
        self.target = target
        self.spec = source.spec
        self.start, self.end = target.size, target.size + 1

    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        return self.source.steps(raws)

    def targets(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        for index, raw in enumerate(raws):
            if not isinstance(raw, str):
                raise UsageError(f"the target of example {index} must be a text; got {type(raw).__name__}")
        return [np.append(symbols, np.int32(self.end)) for symbols in self.target.encode(list(raws))]

    def output(self, longest: int) -> Translation:
        return Translation(self.target.size + 2, self.start, self.end, longest)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "source": self.source.to_json(), "target": tokenise.to_json(self.target)}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> PairPreprocessor:
        source = Preprocessor.from_json(settings["source"])
        assert isinstance(source, TextPreprocessor)
        return cls(source, tokenise.from_json(settings["target"]))
