"""News and more in two languages, by the million."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.config import Choice, check
from keraseq.registry import tasks
from keraseq.tasks.subword_translation import PairConfig

TO_ENGLISH = {
    13: "cs de es fr ru",
    14: "cs de fr hi ru",
    15: "cs de fi fr ru",
    16: "cs de fi ro ru tr",
    17: "cs de fi lv ru tr zh",
    18: "cs de et fi ru tr zh",
}


@tasks.register("wmt", tags={"translation", "text"}, reference="Bojar et al. 2014, https://aclanthology.org/W14-3302")
@dataclass(frozen=True)
class Wmt(PairConfig):
    """News, to be translated: the shared task of the Conference on Machine Translation of a year, 2013 to 2018.

    The data are `wmt14_translate/de-en` and its like in TFDS, where English always stands second: `reverse=true`
    translates from English. Test is the news test of that year. Texts are cut into subwords, of one vocabulary for both
    languages or of one for each; scored by BLEU. For some pairs TFDS asks for files that only a person can fetch.

    Preparing the task reads all texts at once: about 3 KB of memory a pair, 14 GB for the 4.5 million pairs of de-en in
    2014.
    """

    year: Annotated[int, Choice(*TO_ENGLISH), "of the task, two digits"] = 14
    pair: Annotated[str, "the languages, as TFDS names them: de-en"] = "de-en"
    vocabulary_size: Annotated[int, "most subwords of a vocabulary"] = 32_000
    shared_vocabulary: Annotated[bool, "whether both languages have one vocabulary"] = True
    max_length: Annotated[int, "most subwords of a text that goes in; what is longer is cut"] = 128

    source: ClassVar[str] = "wmt_translate:1.0.0"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.year in TO_ENGLISH, f"year must be one of {', '.join(map(str, TO_ENGLISH))}; got {self.year}")
        pairs = [f"{language}-en" for language in TO_ENGLISH[self.year].split()]
        check(self.pair in pairs, f"pair must be one of {', '.join(pairs)} in year {self.year}; got {self.pair!r}")

    @property
    def builder(self) -> str:
        return f"wmt{self.year}_translate/{self.pair}:{self.source.partition(':')[2]}"

    @property
    def pair_of(self) -> tuple[str, str]:
        first, second = self.pair.split("-")
        return first, second
