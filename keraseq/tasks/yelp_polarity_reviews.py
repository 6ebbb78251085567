"""Reviews of shops and restaurants: praise or blame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keraseq.registry import tasks
from keraseq.tasks.text_class import TextClassConfig


@tasks.register(
    "yelp_polarity_reviews", aliases=("yelp",), tags={"classification", "text"}, reference="arXiv:1509.01626"
)
@dataclass(frozen=True)
class YelpPolarityReviews(TextClassConfig):
    """Whether a review is bad (label 1) or good (label 2): 560,000 reviews for training, 38,000 for test.

    Both are evenly split. Preparing the task reads all texts at once: about 3 GB of memory.
    """

    source: ClassVar[str] = "yelp_polarity_reviews:0.2.0"
