"""Settings of tasks that ask for the next symbol."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import Choice, check
from keraseq.tasks.config.base import TaskConfig
from keraseq.tasks.config.checks import one_of

if TYPE_CHECKING:
    from keraseq.tasks.examples import Examples
    from keraseq.tasks.pipeline import Batching
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw
    from keraseq.tasks.stream import Stream


@dataclass(frozen=True)
class LanguageConfig(TaskConfig):
    """Settings of tasks that ask for the next symbol of running text.

    All texts become one stream of symbols, so that nothing is padded. It is read, encoded and written piece by piece,
    and stays on disk.

    Attributes:
        between: what is put behind every text of the data set.
        fitted_on: how many texts the vocabulary is learned from, or None for all of train.
    """

    batch_size: Annotated[int, "windows a batch"] = 32
    tokeniser: Annotated[str, Choice("bytes", "characters", "whitespace", "subwords"), "what one step is"] = (
        "characters"
    )
    vocabulary_size: Annotated[int, "most symbols, padding and unknown included; bytes always have 258"] = 10_000
    length: Annotated[int, "steps of a window"] = 128
    context: Annotated[
        int, "steps at the start of a window of validation or test that only tell what came before, and do not count"
    ] = 64

    carry: Annotated[bool, "whether a row goes on where it ended a batch before, with the state of the model there"] = (
        False
    )

    between: ClassVar[str] = ""
    fitted_on: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("tokeniser", self.tokeniser, ("bytes", "characters", "whitespace", "subwords"))
        least = 258 if self.tokeniser == "subwords" else 3
        check(
            self.vocabulary_size >= least,
            f"vocabulary_size must be at least {least} with {self.tokeniser}; got {self.vocabulary_size}. "
            "Remedy: leave it out for the default",
        )
        check(self.length >= 1, f"length must be at least 1; got {self.length}. Remedy: leave it out for the default")
        check(
            self.carry or 0 <= self.context < self.length,
            f"context must be at least 0 and below length ({self.length}); got {self.context}. Remedy: half the length",
        )
        check(
            not self.carry or not (self.token_budget or self.static_shapes),
            "carry=True has batches of one size already; got token_budget or static_shapes. Remedy: leave them out",
        )

    @property
    def batching(self) -> Batching:
        return replace(super().batching, contiguous=self.carry)

    def identity(self, data_dir: str | None) -> dict[str, Any]:
        identity = super().identity(data_dir)
        for name in ("context", "carry"):
            identity["settings"].pop(name)
        return identity

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks.texts import read_texts

        return read_texts(self, data_dir)

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import StreamPreprocessor
        from keraseq.tasks.tokenise import TOKENISERS

        texts = (text + self.between for text in itertools.islice(train.inputs, self.fitted_on))
        return StreamPreprocessor(TOKENISERS[self.tokeniser].fit(texts, self.vocabulary_size), self.length)

    def encode(self, split: str, raw: Raw, preprocessor: Preprocessor) -> Stream:
        import numpy as np

        from keraseq.tasks.preprocess import StreamPreprocessor
        from keraseq.tasks.stream import Stream
        from keraseq.tasks.tokenise import chunks

        assert isinstance(preprocessor, StreamPreprocessor)
        texts = (text + self.between for text in raw.inputs)
        pieces = (np.concatenate(preprocessor.steps(chunk)) for chunk in chunks(texts))
        return Stream(pieces, preprocessor.tokeniser.size)

    def load(self, folder: Path, split: str) -> Examples:
        from keraseq.tasks import stream

        symbols = stream.load(folder, split)
        if self.carry:
            return stream.rows(symbols, self.length, self.batch_size)
        return stream.windows(symbols, self.length, context=0 if split == "train" else self.context)
