"""Named entities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.config import one_of
from keraseq.tasks.word_tagging import WordTaggingConfig

LABELS = ("ner", "chunks", "pos")


@tasks.register(
    "conll2003",
    tags={"tagging", "text"},
    reference="Tjong Kim Sang & De Meulder 2003, https://aclanthology.org/W03-0419",
)
@dataclass(frozen=True)
class Conll2003(WordTaggingConfig):
    """Which words of a sentence name a person, organisation, place or else: English news agency texts of 1996.

    `B-PER` begins the name of a person, `I-PER` goes on with it, `O` is outside of all names. A name counts as found
    where it has the right kind, beginning and end: the score is `span_f1`, beside the accuracy over words. With `label`
    the task asks for chunks, such as noun phrases, scored alike, or for parts of speech.
    """

    label: Annotated[str, Choice(*LABELS), "what is asked for: names, chunks or parts of speech"] = "ner"
    lower_case: Annotated[bool, "whether capital letters are taken for small ones"] = False

    source: ClassVar[str] = "conll2003:1.0.0"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("label", self.label, LABELS)

    @property
    def scores(self) -> tuple[str, ...]:  # type: ignore[override]
        return () if self.label == "pos" else ("span_f1",)

    @property
    def tags(self) -> str:
        return self.label
