"""The part of speech of every word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.word_tagging import WordTaggingConfig


@tasks.register(
    "universal_dependencies",
    tags={"tagging", "text"},
    reference="Nivre et al. 2020, arXiv:2004.10643",
)
@dataclass(frozen=True)
class UniversalDependencies(WordTaggingConfig):
    """The part of speech of every word of a sentence, one of 17 or 18, in any treebank of Universal Dependencies."""

    treebank: Annotated[str, "such as en_atis, en_lines, de_gsd: a configuration of the TFDS data set"] = "en_atis"

    source: ClassVar[str] = "universal_dependencies:1.0.1"
    baselines: ClassVar[tuple[Baseline, ...]] = (Baseline("gru", "accuracy", 0.987, MEASURED, "bidirectional"),)

    @property
    def builder(self) -> str:
        return self.configured(self.treebank)

    @property
    def tags(self) -> str:
        return "upos"
