"""The part of speech of every word."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import check
from keraseq.registry import tasks
from keraseq.tasks.config import TaskConfig

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


@tasks.register(
    "universal_dependencies",
    tags={"tagging", "text"},
    reference="Nivre et al. 2020, arXiv:2004.10643",
)
@dataclass(frozen=True)
class UniversalDependencies(TaskConfig):
    """The part of speech of every word of a sentence, one of 17 or 18, in any treebank of Universal Dependencies.

    Words are taken in lower case; those that train does not have, or too seldom, are unknown.
    """

    treebank: Annotated[str, "such as en_atis, en_lines, de_gsd: a configuration of the TFDS data set"] = "en_atis"
    vocabulary_size: Annotated[int, "most words, padding and unknown included"] = 20_000
    batch_size: Annotated[int, "sentences a batch"] = 32

    source: ClassVar[str] = "universal_dependencies:1.0.1"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self.vocabulary_size >= 3,
            f"vocabulary_size must be at least 3; got {self.vocabulary_size}. Remedy: leave it out for 20000",
        )

    @property
    def builder(self) -> str:
        return self.configured(self.treebank)

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Tagging
        from keraseq.tasks import source

        builder = source.open_builder(self.builder, data_dir)
        return source.read(
            builder,
            name=f"universal_dependencies/{self.treebank}",
            data_dir=data_dir,
            output=Tagging(tuple(builder.info.features["upos"].feature.names)),
            input_of=operator.itemgetter("tokens"),
            label_of=operator.itemgetter("upos"),
            validation=self.validation,
            seed=self.split_seed,
        )

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import WordListPreprocessor

        return WordListPreprocessor.fit(train.inputs, self.vocabulary_size)
