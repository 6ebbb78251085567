"""Captions of pictures in three languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.config import Choice, check
from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.config import one_of
from keraseq.tasks.subword_translation import SubwordTranslationConfig

LANGUAGES = ("en", "de", "fr")


@tasks.register(
    "multi30k",
    tags={"translation", "text"},
    reference="Elliott et al. 2016, arXiv:1605.00459",
)
@dataclass(frozen=True)
class Multi30k(SubwordTranslationConfig):
    """Captions of pictures, to be translated: 29,000 for training, 1,014 for validation, 1,000 (Flickr 2016) for test.

    Texts are cut into subwords, of one vocabulary for both languages or of one for each; scored by BLEU.
    """

    from_language: Annotated[str, Choice(*LANGUAGES), "what goes in"] = "en"
    to_language: Annotated[str, Choice(*LANGUAGES), "what is asked for"] = "de"

    source: ClassVar[str] = "multi30k:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (Baseline("gru", "bleu", 36.4, MEASURED),)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("from_language", self.from_language, LANGUAGES)
        one_of("to_language", self.to_language, LANGUAGES)
        check(
            self.from_language != self.to_language,
            f"from_language and to_language must differ; got {self.from_language!r} twice",
        )

    @property
    def languages(self) -> tuple[str, str]:
        return self.from_language, self.to_language
