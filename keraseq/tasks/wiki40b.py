"""Wikipedia in forty languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.config import LanguageConfig


@tasks.register(
    "wiki40b", tags={"language_modelling", "text"}, reference="Guo et al. 2020, aclanthology.org/2020.lrec-1.297"
)
@dataclass(frozen=True)
class Wiki40B(LanguageConfig):
    """The next subword of cleaned articles of Wikipedia, in one of 41 languages, in the data set's own three splits.

    Marks such as `_START_PARAGRAPH_` are text like all else. English has 2.9 million articles, 10 GB; they are streamed
    from disk, so that little memory is needed. TFDS prepares the data by the package apache_beam; a copy of what it
    has prepared already, of `gs://tfds-data/datasets/wiki40b`, in the data directory does as well.
    """

    language: Annotated[str, "such as en, de, fr, ja: a configuration of the TFDS data set"] = "en"
    tokeniser: Annotated[str, Choice("bytes", "characters", "whitespace", "subwords"), "what one step is"] = "subwords"
    vocabulary_size: Annotated[int, "most symbols, padding and unknown included; bytes always have 258"] = 32_000

    source: ClassVar[str] = "wiki40b:1.3.0"
    between: ClassVar[str] = "\n"
    fitted_on: ClassVar[int | None] = 100_000

    @property
    def builder(self) -> str:
        return self.configured(self.language)
