"""Published scores to hold ours against: what `published.toml` says, and by how much ours miss it."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from keraseq.config import settings_of
from keraseq.tasks import task_config


@dataclass(frozen=True)
class Source:
    """Where numbers were published.

    Attributes:
        authors, title: of the paper.
        arxiv: its number there.
        table: which of its tables.
        notes: what is to be known of its numbers.
    """

    authors: str
    title: str
    arxiv: str
    table: str
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.authors}, arXiv:{self.arxiv}, {self.table}"


@dataclass(frozen=True)
class Row:
    """What models scored on one task, in the paper's unit.

    Attributes:
        source: its key in `sources()`.
        task: name of ours.
        name: of the task in the paper.
        metric: as our task calls it; one of its test scores.
        unit: of the numbers as printed.
        direction: whether they are to be `max` or `min`.
        scores: model → number. A family of ours goes by its name here, another model by its own.
        settings: that our task must have.
        scale: our number times this is in the paper's unit.
        parameters: of the models, about; None where the row is not matched in size.
        models: model → the settings that it had.
        training: how it was trained.
    """

    source: str
    task: str
    name: str
    metric: str
    unit: str
    direction: str
    scores: dict[str, float]
    settings: dict[str, Any] = field(default_factory=dict)
    scale: float = 1.0
    parameters: int | None = None
    models: dict[str, str] = field(default_factory=dict)
    training: str = ""

    def ours(self, test: Mapping[str, float | None]) -> float | None:
        """Our score in the unit of the paper; None where our test scores lack the metric."""
        value = test.get(self.metric)
        return None if value is None else value * self.scale

    def missed_by(self, family: str, ours: float) -> float:
        """By how much our number, in the paper's unit, is worse than the published one; negative where it is better."""
        gap = ours - self.scores[family]
        return gap if self.direction == "min" else -gap


@functools.cache
def sources() -> Mapping[str, Source]:
    """All sources by their keys."""
    return {key: Source(**source) for key, source in _data()["sources"].items()}


@functools.cache
def rows() -> tuple[Row, ...]:
    """All published rows."""
    return tuple(Row(**row) for row in _data()["rows"])


def lookup(task: str, settings: Mapping[str, Any], family: str | None = None) -> list[Row]:
    """Published rows that a task of ours in these settings may be held against.

    Args:
        task: name of the task.
        settings: of it, those that are not at their defaults; a row wants some of them, and others are not looked at.
        family: only rows with a number for it; None takes all.

    Raises:
        UsageError: the task has no such settings.

    Example:
        >>> lookup("adding", {"length": 600}, "tcn")[0].scores["tcn"]
        5.8e-05
    """
    named = [row for row in rows() if row.task == task and (family is None or family in row.scores)]
    if not named:
        return []
    whole = settings_of(task_config(task, settings))
    return [row for row in named if all(whole.get(name) == value for name, value in row.settings.items())]


@functools.cache
def _data() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("published.toml").read_text(encoding="utf-8"))
