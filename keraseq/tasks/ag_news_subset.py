"""News: which desk they are from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keraseq.registry import tasks
from keraseq.tasks.text_class import TextClassConfig


@tasks.register("ag_news_subset", aliases=("ag_news",), tags={"classification", "text"}, reference="arXiv:1509.01626")
@dataclass(frozen=True)
class AgNewsSubset(TextClassConfig):
    """Whether news are of the world, sports, business or technology: 120,000 for training, 7,600 for test.

    Both are evenly split. What goes in is the description, without the title.
    """

    source: ClassVar[str] = "ag_news_subset:1.0.0"
    text_feature: ClassVar[str] = "description"
