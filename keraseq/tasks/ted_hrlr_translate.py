"""Talks in pairs of languages of which some have many texts and some few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.config import one_of
from keraseq.tasks.subword_translation import PairConfig

FROM = {"en": ("az", "az_tr", "be", "be_ru", "gl", "gl_pt", "pt", "ru", "tr"), "pt": ("es", "fr", "he", "it", "ru")}
PAIRS = {
    f"{first.replace('_', '')}_to_{second}": (first, second) for second, firsts in FROM.items() for first in firsts
}


@tasks.register("ted_hrlr_translate", tags={"translation", "text"}, reference="Qi et al. 2018, arXiv:1804.06323")
@dataclass(frozen=True)
class TedHrlrTranslate(PairConfig):
    """Sentences of TED talks, to be translated; `pair` is a configuration of the TFDS data set.

    In a pair such as `aztr_to_en` train is of both languages before `_to_`, validation and test of the first alone.
    Texts are cut into subwords, of one vocabulary for both languages or of one for each; scored by BLEU.
    """

    pair: Annotated[str, Choice(*PAIRS), "the languages, as TFDS names them"] = "pt_to_en"

    source: ClassVar[str] = "ted_hrlr_translate:1.0.0"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("pair", self.pair, tuple(PAIRS))

    @property
    def builder(self) -> str:
        return self.configured(self.pair)

    @property
    def pair_of(self) -> tuple[str, str]:
        return PAIRS[self.pair]
