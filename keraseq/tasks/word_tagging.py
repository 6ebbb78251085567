"""What tasks that label every word of a sentence share."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from keraseq.config import check
from keraseq.tasks.config import TaskConfig

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


@dataclass(frozen=True)
class WordTaggingConfig(TaskConfig):
    """Settings of tasks whose data set has the words of a sentence, `tokens`, and a label for each.

    Words that train does not have, or too seldom, are unknown. Sentences without words are left out.
    """

    vocabulary_size: Annotated[int, "most words, padding and unknown included"] = 20_000
    lower_case: Annotated[bool, "whether capital letters are taken for small ones"] = True
    batch_size: Annotated[int, "sentences a batch"] = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self.vocabulary_size >= 3,
            f"vocabulary_size must be at least 3; got {self.vocabulary_size}. Remedy: leave it out for 20000",
        )

    @property
    def tags(self) -> str:
        """The feature that is asked for."""
        raise NotImplementedError

    def read(self, data_dir: str | None) -> Data:
        import numpy as np

        from keraseq.models.outputs import Tagging
        from keraseq.tasks import source

        labels = source.open_builder(self.builder, data_dir).info.features[self.tags].feature.names
        words_of, tags_of = map(operator.itemgetter, ("tokens", self.tags))
        data = self.read_builder(data_dir, Tagging(tuple(labels)), input_of=words_of, label_of=tags_of)
        kept = {split: raw.take(np.flatnonzero([len(s) for s in raw.inputs])) for split, raw in data.splits.items()}
        return replace(data, splits=kept)

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import WordListPreprocessor

        return WordListPreprocessor.fit(train.inputs, self.vocabulary_size, self.lower_case)
