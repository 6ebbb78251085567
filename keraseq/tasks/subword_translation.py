"""What tasks that translate subwords share."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import check
from keraseq.tasks.config import TranslationConfig

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


@dataclass(frozen=True)
class SubwordTranslationConfig(TranslationConfig):
    """Settings of tasks that ask for the translation of a text, a feature a language.

    Texts are cut into subwords, of one vocabulary for both languages or of one for each; scored by BLEU.
    """

    vocabulary_size: Annotated[int, "most subwords of a vocabulary"] = 8_000
    shared_vocabulary: Annotated[bool, "whether both languages have one vocabulary"] = False
    max_length: Annotated[int, "most subwords of a text that goes in; what is longer is cut"] = 64
    label_smoothing: Annotated[float, "share of the probability that training spreads over all symbols, in [0, 1)"] = (
        0.1
    )

    scores: ClassVar[tuple[str, ...]] = ("bleu",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self.vocabulary_size >= 258,
            f"vocabulary_size must be at least 258, the bytes and two more; got {self.vocabulary_size}. "
            "Remedy: leave it out for the default",
        )
        check(
            self.max_length >= 1,
            f"max_length must be at least 1; got {self.max_length}. Remedy: leave it out for the default",
        )

    @property
    def languages(self) -> tuple[str, str]:
        """The features that go in and that are asked for."""
        raise NotImplementedError

    def read(self, data_dir: str | None) -> Data:
        input_of, label_of = map(operator.itemgetter, self.languages)
        return self.read_builder(data_dir, None, input_of=input_of, label_of=label_of)

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import PairPreprocessor, TextPreprocessor
        from keraseq.tasks.tokenise import Subwords

        sides = [list(train.inputs), list(train.targets)]
        learned = [sides[0] + sides[1]] if self.shared_vocabulary else sides
        tokenisers = [Subwords.fit(texts, self.vocabulary_size) for texts in learned]
        return PairPreprocessor(TextPreprocessor(tokenisers[0], self.max_length, truncate="end"), tokenisers[-1])


@dataclass(frozen=True)
class PairConfig(SubwordTranslationConfig):
    """Settings of tasks whose data set has a configuration for each pair of languages."""

    reverse: Annotated[bool, "whether the second language goes in and the first is asked for"] = False

    @property
    def pair_of(self) -> tuple[str, str]:
        """The features of the pair, in its order."""
        raise NotImplementedError

    @property
    def languages(self) -> tuple[str, str]:
        first, second = self.pair_of
        return (second, first) if self.reverse else (first, second)
