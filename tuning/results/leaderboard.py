"""Which family is best: one row for each, with what chance alone would do to its score."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from keraseq.tuning.record import Record

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """Scores of one configuration on several seeds.

    Attributes:
        mean: of them.
        interval: half the width of the 95 % confidence interval of the mean (Student's t), or None for one score.
        values: the scores.
    """

    mean: float
    interval: float | None
    values: tuple[float, ...]

    def __str__(self) -> str:
        digits = max(0, 3 - math.floor(math.log10(abs(self.mean) or 1.0)))  # four that count, but no more
        return f"{self.mean:.4g}" if self.interval is None else f"{self.mean:.{digits}f} ± {self.interval:.{digits}f}"


def spread_of(values: Sequence[float]) -> Spread | None:
    """Mean and interval of some scores; None of none."""
    if not values:
        return None
    mean, n = math.fsum(values) / len(values), len(values)
    if n == 1:
        return Spread(mean, None, tuple(values))
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Spread(mean, float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation / math.sqrt(n), tuple(values))


def tied(one: Spread, other: Spread) -> bool:
    """Whether the seeds alone may have made the difference (Welch's t-test, p > 0.05)."""
    if one.interval is None or other.interval is None:
        return False
    if one.interval == other.interval == 0:
        return one.mean == other.mean
    known = [(spread.mean, statistics.stdev(spread.values), len(spread.values)) for spread in (one, other)]
    return bool(stats.ttest_ind_from_stats(*known[0], *known[1], equal_var=False).pvalue > 1 - CONFIDENCE)


@dataclass(frozen=True)
class Row:
    """One family in the leaderboard.

    Attributes:
        family: model name.
        trials: trials of the family that ended.
        failed: those of them without a score.
        pruned: those of them that were stopped early.
        winner: its best trial on validation, or None.
        validation: score of the winner; where it was trained again, that of the fresh seeds alone, since the score by
            which a winner was chosen flatters it.
        test: score on test, of the same models; None if it is not known yet.
        tied: whether the seeds alone may have made the difference to the leading family.
    """

    family: str
    trials: int
    failed: int
    pruned: int
    winner: Record | None
    validation: Spread | None
    test: Spread | None
    tied: bool = False

    def to_json(self) -> dict[str, Any]:
        """The row as plain data."""
        winner = self.winner
        return {
            "family": self.family,
            "trials": self.trials,
            "failed": self.failed,
            "pruned": self.pruned,
            "trial": winner.index if winner else None,
            "parameters": winner.parameters if winner else None,
            "match": dict(winner.match) if winner else None,
            "validation": vars(self.validation) if self.validation else None,
            "test": vars(self.test) if self.test else None,
            "tied": self.tied,
            "epochs": winner.epochs if winner else None,
            "seconds": round(winner.seconds, 1) if winner else None,
            "params": dict(winner.params) if winner else None,
        }


def best(records: Sequence[Record], direction: str) -> Record | None:
    """The record with the best score; the earlier one of equals."""
    sign = -1 if direction == "max" else 1
    scored = [(sign * record.score, record.index, record) for record in records if record.score is not None]
    return min(scored, key=lambda entry: entry[:2])[2] if scored else None


def leaderboard(
    families: Sequence[str],
    records: Sequence[Record],
    replicates: Sequence[Record],
    tests: Mapping[str, float],
    direction: str,
) -> list[Row]:
    """One row a family: those trained on fresh seeds first, in the order of their means, then the others.

    Args:
        families: model names.
        records: trials of the search.
        replicates: the same settings on fresh seeds.
        tests: name of a trial → its test score.
        direction: `max` or `min`, of the score.
    """
    sign = -1 if direction == "max" else 1
    rows: list[tuple[bool, float, int, Row]] = []
    for family in families:
        own = [record for record in records if record.family == family]
        winner = best(own, direction)
        again = [r for r in replicates if winner and r.index == winner.index and r.score is not None]
        shown = again or ([winner] if winner else [])
        row = Row(
            family=family,
            trials=len(own),
            failed=sum(record.score is None for record in own),
            pruned=sum(record.outcome == "pruned" for record in own),
            winner=winner,
            validation=spread_of([record.score for record in shown if record.score is not None]),
            test=spread_of([tests[record.name] for record in shown if record.name in tests]),
        )
        rows.append((not again, sign * row.validation.mean if row.validation else math.inf, len(rows), row))
    ordered = [row for *_, row in sorted(rows, key=lambda entry: entry[:3])]
    first = ordered[0].validation if ordered else None
    return [
        Row(**{**vars(row), "tied": bool(place and first and row.validation and tied(first, row.validation))})
        for place, row in enumerate(ordered)
    ]
