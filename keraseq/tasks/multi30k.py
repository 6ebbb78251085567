"""Captions of pictures in three languages."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Choice, check
from keraseq.registry import tasks
from keraseq.tasks.config import TranslationConfig, one_of

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

LANGUAGES = ("en", "de", "fr")


@tasks.register(
    "multi30k",
    tags={"translation", "text"},
    reference="Elliott et al. 2016, arXiv:1605.00459",
)
@dataclass(frozen=True)
class Multi30k(TranslationConfig):
    """Captions of pictures, to be translated: 29,000 for training, 1,014 for validation, 1,000 (Flickr 2016) for test.

    Texts are cut into subwords, of one vocabulary for both languages or of one for each; scored by BLEU.
    """

    from_language: Annotated[str, Choice(*LANGUAGES), "what goes in"] = "en"
    to_language: Annotated[str, Choice(*LANGUAGES), "what is asked for"] = "de"
    vocabulary_size: Annotated[int, "most subwords of a vocabulary"] = 8_000
    shared_vocabulary: Annotated[bool, "whether both languages have one vocabulary"] = False
    max_length: Annotated[int, "most subwords of a text that goes in; what is longer is cut"] = 64
    label_smoothing: Annotated[float, "share of the probability that training spreads over all symbols, in [0, 1)"] = (
        0.1
    )

    source: ClassVar[str] = "multi30k:1.0.0"
    scores: ClassVar[tuple[str, ...]] = ("bleu",)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("from_language", self.from_language, LANGUAGES)
        one_of("to_language", self.to_language, LANGUAGES)
        check(
            self.from_language != self.to_language,
            f"from_language and to_language must differ; got {self.from_language!r} twice",
        )
        check(
            self.vocabulary_size >= 258,
            f"vocabulary_size must be at least 258, the bytes and two more; got {self.vocabulary_size}. "
            "Remedy: leave it out for 8000",
        )
        check(
            self.max_length >= 1, f"max_length must be at least 1; got {self.max_length}. Remedy: leave it out for 64"
        )

    def read(self, data_dir: str | None) -> Data:
        input_of, label_of = (operator.itemgetter(side) for side in (self.from_language, self.to_language))
        return self.read_builder(data_dir, None, input_of=input_of, label_of=label_of)

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import PairPreprocessor, TextPreprocessor
        from keraseq.tasks.tokenise import Subwords

        sides = [list(train.inputs), list(train.targets)]
        learned = [sides[0] + sides[1]] if self.shared_vocabulary else sides
        tokenisers = [Subwords.fit(texts, self.vocabulary_size) for texts in learned]
        return PairPreprocessor(TextPreprocessor(tokenisers[0], self.max_length, truncate="end"), tokenisers[-1])
