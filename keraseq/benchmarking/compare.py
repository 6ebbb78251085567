"""Two benchmarks or studies side by side: what differs, by how much, and whether the seeds may have made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from keraseq.benchmarking.results import Entry, Row, Run, load, rows_of, together
from keraseq.benchmarking.statistics import CONFIDENCE, Difference, corrected, difference

FIELDS = ("parameters", "seconds", "memory")  # whose means stand beside the scores
SETTINGS = ("config", "training", "match", "versions", "machine")
ONCE = ("data", "strategy", "threads", "jit_compile", "tuned")


@dataclass(frozen=True)
class Pair:
    """One model on one task in both.

    Attributes:
        label, name: of the row and of the model.
        metric, direction: of the scores.
        first, second: mean score in each.
        difference: of the second less the first.
        p: of its test, corrected for all pairs of the comparison by Holm's method; None for too few seeds.
        costs: field → its mean in each, or None.
        settings: setting → its value in each, where they differ.
    """

    label: str
    name: str
    metric: str
    direction: str
    first: float
    second: float
    difference: Difference
    costs: Mapping[str, tuple[float | None, float | None]]
    settings: Mapping[str, tuple[Any, Any]]
    p: float | None = None

    @property
    def verdict(self) -> str:
        """`better` or `worse` of the second, `tied` (not told apart), or `undecided`: too few seeds to tell."""
        if self.p is None:
            return "undecided"
        if self.p >= 1 - CONFIDENCE:
            return "tied"
        return "better" if (self.difference.mean > 0) == (self.direction == "max") else "worse"


@dataclass(frozen=True)
class Comparison:
    """Two benchmarks or studies.

    Attributes:
        pairs: what is in both.
        only_first, only_second: row and model of what is in one alone.
        problems: what could not be used of either.
    """

    pairs: tuple[Pair, ...]
    only_first: tuple[tuple[str, str], ...]
    only_second: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain data."""
        return {**asdict(self), "pairs": [{**asdict(pair), "verdict": pair.verdict} for pair in self.pairs]}


def compare(first: str | Path, second: str | Path) -> Comparison:
    """Puts two benchmarks or studies side by side, by the labels of their rows and the names of their models.

    Args:
        first, second: folders of benchmarks or studies, or files of records.

    Raises:
        KeraseqError: a path holds neither, or a library of the extra `report` is absent.

    Example:
        >>> compare("runs/before", "runs/after").pairs[0].verdict     # doctest: +SKIP
        'better'
    """
    read = [together([load(path)]) for path in (first, second)]
    one, other = (_scored(runs) for runs, _ in read)
    return Comparison(
        pairs=_tested([_pair(one[key], other[key]) for key in one if key in other]),
        only_first=tuple(key for key in one if key not in other),
        only_second=tuple(key for key in other if key not in one),
        problems=tuple(problem for _, problems in read for problem in problems),
    )


def _scored(runs: Sequence[Run]) -> dict[tuple[str, str], tuple[Row, Entry]]:
    return {(row.label, entry.name): (row, entry) for row in rows_of(runs) for entry in row.entries if entry.scores}


def _pair(first: tuple[Row, Entry], second: tuple[Row, Entry]) -> Pair:
    (row, one), (_, other) = first, second
    assert one.score is not None
    assert other.score is not None
    return Pair(
        label=row.label,
        name=one.name,
        metric=row.metric,
        direction=row.direction,
        first=one.score.mean,
        second=other.score.mean,
        difference=difference(other.scores, one.scores),
        costs={name: (one.mean(name), other.mean(name)) for name in FIELDS},
        settings=_differing(one, other),
    )


def _tested(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The pairs with their corrected p."""
    told = iter(corrected([pair.difference.p for pair in pairs if pair.difference.p is not None]))
    return tuple(pair if pair.difference.p is None else replace(pair, p=next(told)) for pair in pairs)


def _differing(one: Entry, other: Entry) -> dict[str, tuple[Any, Any]]:
    """Settings, libraries and machine that are not the same; those of the task are, since the labels say them."""
    told = []
    for entry in (one, other):
        record = entry.first
        flat = {f"task.{name}": value for name, value in record.settings.items()}
        for group in SETTINGS:
            flat |= {f"{group}.{name}": value for name, value in getattr(record, group).items()}
        told.append(flat | {name: getattr(record, name) for name in ONCE})
    names = dict.fromkeys([*told[0], *told[1]])
    return {name: (told[0].get(name), told[1].get(name)) for name in names if told[0].get(name) != told[1].get(name)}
