"""Phrases and sentences from film reviews: praise or blame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.text_class import TextClassConfig


@tasks.register(
    "sst2",
    aliases=("glue/sst2",),
    tags={"classification", "text"},
    reference="Socher et al. 2013, https://aclanthology.org/D13-1170",
)
@dataclass(frozen=True)
class Sst2(TextClassConfig):
    """Whether a phrase or sentence from a film review is positive: the Stanford Sentiment Treebank as GLUE has it.

    GLUE hides the labels of its test split (all are -1), so test is its validation split, 872 sentences, as is usual,
    and validation is taken from its 67,349 training examples. These are phrases too: a sentence may have some of its
    phrases in train and others in validation.
    """

    max_length: Annotated[int, "most steps; what is longer is cut"] = 64

    source: ClassVar[str] = "glue/sst2:2.0.0"
    text_feature: ClassVar[str] = "sentence"
    test_split: ClassVar[str] = "validation"
