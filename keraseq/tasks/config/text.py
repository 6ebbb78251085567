"""Settings of tasks whose inputs are texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from keraseq.config import Choice, check
from keraseq.tasks.config.base import TaskConfig
from keraseq.tasks.config.checks import one_of

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Raw


@dataclass(frozen=True)
class TextConfig(TaskConfig):
    """Settings of tasks whose inputs are texts."""

    tokeniser: Annotated[str, Choice("bytes", "characters", "words", "subwords"), "what one step is"] = "words"
    vocabulary_size: Annotated[int, "most symbols, padding and unknown included; bytes always have 258"] = 10_000
    max_length: Annotated[int, "most steps; what is longer is cut"] = 256
    truncate: Annotated[str, Choice("start", "end"), "which end of a text is cut where it is too long"] = "end"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("tokeniser", self.tokeniser, ("bytes", "characters", "words", "subwords"))
        one_of("truncate", self.truncate, ("start", "end"))
        least = 258 if self.tokeniser == "subwords" else 3
        check(
            self.vocabulary_size >= least,
            f"vocabulary_size must be at least {least} with {self.tokeniser}; got {self.vocabulary_size}. "
            "Remedy: leave it out for 10000",
        )
        check(
            self.max_length >= 1, f"max_length must be at least 1; got {self.max_length}. Remedy: leave it out for 256"
        )

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import TextPreprocessor
        from keraseq.tasks.tokenise import TOKENISERS

        tokeniser = TOKENISERS[self.tokeniser].fit(list(train.inputs), self.vocabulary_size)
        return TextPreprocessor(tokeniser, self.max_length, self.truncate)
