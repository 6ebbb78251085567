"""Film reviews: praise or blame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.baseline import Baseline
from keraseq.tasks.text_class import TextClassConfig


@tasks.register(
    "imdb_reviews",
    aliases=("imdb",),
    tags={"classification", "text"},
    reference="Maas et al. 2011, https://aclanthology.org/P11-1015",
)
@dataclass(frozen=True)
class ImdbReviews(TextClassConfig):
    """Whether a film review is positive: 25,000 reviews for training, 25,000 for test, evenly split.

    Reviews that are too long lose their beginning by default: reviewers sum up at the end.
    """

    truncate: Annotated[str, Choice("start", "end"), "which end of a text is cut where it is too long"] = "start"

    source: ClassVar[str] = "imdb_reviews/plain_text:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (
        Baseline("Transformer", "accuracy", 0.643, "Tay et al. 2020, arXiv:2011.04006", "tokeniser=bytes"),
        Baseline("S4", "accuracy", 0.868, "Gu et al. 2022, arXiv:2111.00396", "tokeniser=bytes"),
    )
