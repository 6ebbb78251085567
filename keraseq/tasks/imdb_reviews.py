"""Film reviews: praise or blame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.config import TextConfig

if TYPE_CHECKING:
    from keraseq.tasks.source import Data


@tasks.register(
    "imdb_reviews",
    aliases=("imdb",),
    tags={"classification", "text"},
    reference="Maas et al. 2011, https://aclanthology.org/P11-1015",
)
@dataclass(frozen=True)
class ImdbReviews(TextConfig):
    """Whether a film review is positive: 25,000 reviews for training, 25,000 for test, evenly split.

    Reviews that are too long lose their beginning by default: reviewers sum up at the end.
    """

    truncate: Annotated[str, Choice("start", "end"), "which end of a text is cut where it is too long"] = "start"

    source: ClassVar[str] = "imdb_reviews/plain_text:1.0.0"

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Classification
        from keraseq.tasks import source

        builder = source.open_builder(self.source, data_dir)
        return source.read(
            builder,
            name="imdb_reviews",
            data_dir=data_dir,
            output=Classification(tuple(builder.info.features["label"].names)),
            input_of=lambda example: example["text"],
            label_of=lambda example: example["label"],
            validation=self.validation,
            seed=self.split_seed,
        )
