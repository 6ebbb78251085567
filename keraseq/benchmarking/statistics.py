"""What scores on a few seeds say, and what they do not: intervals, ties, ranks across tasks.

Nothing here names a winner that the data do not support. Families are told apart within a task by paired t-tests over
the seeds that they share, all pairs corrected together by Holm's method, since the best of many is chosen by the same
scores; and across tasks by Friedman's test and Nemenyi's (Demšar 2006).
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from keraseq.config import check
from keraseq.errors import KeraseqError

CONFIDENCE = 0.95
LEAST_SEEDS = 3  # shared by two families, from which on they can be told apart
LEAST_TASKS = 2
RESAMPLES = 9_999
BEST, TIED, WORSE, UNDECIDED = "best", "tied", "worse", "undecided"


@dataclass(frozen=True)
class Estimate:
    """A mean, and where it may lie.

    Attributes:
        mean: of the values.
        low, high: ends of the 95 % bootstrap interval of the mean; None for fewer than two values.
        values: what it is the mean of.
        method: `BCa` or `percentile`; empty where there is no interval.
    """

    mean: float
    low: float | None
    high: float | None
    values: tuple[float, ...]
    method: str = ""


def estimate(values: Sequence[float]) -> Estimate | None:
    """Mean and bootstrap interval of some numbers; None of none.

    The interval is bias-corrected and accelerated (BCa) where that is defined, else of percentiles. It is too short for
    few values: of normal scores that of 3 seeds holds the true mean in about 76 of 100 cases, that of 5 in 84.

    Example:
        >>> estimate([0.5])
        Estimate(mean=0.5, low=None, high=None, values=(0.5,), method='')
    """
    if not len(values):
        return None
    data = np.asarray(values, float)
    if len(data) == 1:
        return Estimate(float(data[0]), None, None, (float(data[0]),))
    low, high, method = _bootstrap((data,), _mean)
    return Estimate(float(data.mean()), low, high, tuple(data.tolist()), method)


@dataclass(frozen=True)
class Difference:
    """How much greater one mean is than another.

    Attributes:
        mean: of the first less that of the second.
        low, high: ends of its 95 % bootstrap interval; None where there are too few values.
        paired: whether it is of shared seeds, seed by seed.
        seeds: how many values each side has.
        p: of a t-test that there is no difference, paired or Welch's; None for fewer than `LEAST_SEEDS` values.
    """

    mean: float
    low: float | None
    high: float | None
    paired: bool
    seeds: tuple[int, int]
    p: float | None = None


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """The mean of `first` less that of `second`, each seed → score, neither empty.

    Where they share two seeds or more, only those count, and pairs are drawn; else each side is drawn by itself.
    """
    shared = sorted(first.keys() & second.keys())
    paired = len(shared) >= 2
    if paired:
        first, second = ({seed: scores[seed] for seed in shared} for scores in (first, second))
    one, other = (np.array(list(scores.values()), float) for scores in (first, second))
    mean, seeds = float(one.mean() - other.mean()), (len(one), len(other))
    if min(seeds) < 2:
        return Difference(mean, None, None, False, seeds)
    low, high, _ = _bootstrap((one - other,), _mean) if paired else _bootstrap((one, other), _gap)
    return Difference(mean, low, high, paired, seeds, _p(one, other, paired) if min(seeds) >= LEAST_SEEDS else None)


def corrected(raw: Sequence[float]) -> list[float]:
    """Values of p of several tests together, by Holm's method.

    Raises:
        KeraseqError: statsmodels is absent.
    """
    if not raw:
        return []
    _need("statsmodels")
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(raw, method="holm")[1]]


def verdicts(scores: Mapping[str, Mapping[int, float]], direction: str) -> dict[str, str]:
    """How each family of a row stands to the best one, by their scores on shared seeds.

    Scores that are to be small and are all positive, such as errors, are compared by their logarithms: they may lie
    decades apart, and the seeds of the worst would hide all else.

    Args:
        scores: family → seed → score; a family without any is left out.
        direction: `max` or `min`, of the score.

    Returns:
        family → `BEST` (the best mean, which alone means little), `TIED` (the seeds may have made the difference),
        `WORSE` (told apart: p < 0.05 of a paired t-test, after Holm's correction over all pairs of the row), or
        `UNDECIDED` (fewer than `LEAST_SEEDS` seeds in common with the best, so no test can tell).

    Example:
        >>> verdicts({"gru": {0: 0.91, 1: 0.93, 2: 0.92}, "rnn": {0: 0.50, 1: 0.52, 2: 0.49}}, "max")
        {'gru': 'best', 'rnn': 'worse'}
    """
    scores = {family: found for family, found in scores.items() if found}
    if not scores:
        return {}
    sign = {"max": -1, "min": 1}[direction]
    means = {family: sign * math.fsum(found.values()) / len(found) for family, found in scores.items()}
    best = min(means, key=lambda family: means[family])
    if direction == "min" and all(value > 0 for found in scores.values() for value in found.values()):
        scores = {family: {seed: math.log(v) for seed, v in found.items()} for family, found in scores.items()}
    found = _pairwise(scores)
    answer = {}
    for family in scores:
        told = found.get((best, family), found.get((family, best)))
        if family == best:
            answer[family] = BEST
        elif told is None:
            answer[family] = UNDECIDED
        else:
            answer[family] = WORSE if told < 1 - CONFIDENCE and _behind(scores, family, best, sign) else TIED
    return answer


@dataclass(frozen=True)
class Ranking:
    """Families across tasks.

    Attributes:
        ranks: family → average rank, 1 the best, the best first.
        tasks: how many tasks it is of.
        p: of Friedman's test that all families are alike.
        critical: difference of average ranks from which on two families are told apart (Nemenyi).
        groups: families in the order of ranks that are not told apart from each other; a family may be in several.
    """

    ranks: Mapping[str, float]
    tasks: int
    p: float
    critical: float
    groups: tuple[tuple[str, ...], ...]

    @property
    def decided(self) -> bool:
        """Whether the families differ at all."""
        return self.p < 1 - CONFIDENCE


def ranking(losses: Mapping[str, Sequence[float]]) -> Ranking:
    """Average ranks over tasks and critical-difference groups.

    Args:
        losses: family → one number a task, all in the same order of tasks, smaller is better. At least three families
            and `LEAST_TASKS` tasks.

    Raises:
        UsageError: too few families or tasks, or a family that lacks a task.
        KeraseqError: scikit-posthocs is absent.
    """
    table = np.array(list(losses.values()), float).T if len({len(v) for v in losses.values()}) == 1 else None
    check(table is not None, "every family needs a score on every task")
    assert table is not None
    check(len(losses) >= 3, f"ranks are compared of three families or more; got {len(losses)}")
    check(len(table) >= LEAST_TASKS, f"ranks are compared over {LEAST_TASKS} tasks or more; got {len(table)}")
    _need("scikit_posthocs")
    from scikit_posthocs import posthoc_nemenyi_friedman

    tasks, count = table.shape
    average = stats.rankdata(table, axis=1).mean(axis=0)
    alike = bool((table == table[:, :1]).all())
    p = 1.0 if alike else float(stats.friedmanchisquare(*table.T).pvalue)
    apart = posthoc_nemenyi_friedman(table).to_numpy() < 1 - CONFIDENCE
    order = np.argsort(average, kind="stable")
    names = list(losses)
    spread = stats.studentized_range.ppf(CONFIDENCE, count, np.inf) / math.sqrt(2)
    return Ranking(
        ranks={names[k]: float(average[k]) for k in order},
        tasks=tasks,
        p=p,
        critical=float(spread * math.sqrt(count * (count + 1) / (6 * tasks))),
        groups=tuple(tuple(names[order[k]] for k in group) for group in _groups(apart[np.ix_(order, order)], p)),
    )


def _pairwise(scores: Mapping[str, Mapping[int, float]]) -> dict[tuple[str, str], float]:
    """Corrected p of each pair of families that shares enough seeds."""
    raw = {}
    for one, other in combinations(scores, 2):
        shared = sorted(scores[one].keys() & scores[other].keys())
        if len(shared) >= LEAST_SEEDS:
            left, right = (np.array([scores[family][seed] for seed in shared]) for family in (one, other))
            raw[one, other] = _p(left, right)
    return dict(zip(raw, corrected(list(raw.values())), strict=True))


def _behind(scores: Mapping[str, Mapping[int, float]], family: str, best: str, sign: int) -> bool:
    """Whether what was tested is worse of `family`: the mean of all seeds, or not of logarithms, may say otherwise."""
    shared = scores[family].keys() & scores[best].keys()
    return math.fsum(sign * (scores[family][seed] - scores[best][seed]) for seed in shared) > 0


def _p(one: np.ndarray, other: np.ndarray, paired: bool = True) -> float:
    """p of a t-test, paired or Welch's; where nothing varies, 1 if both sides are the same and 0 if they are not."""
    gaps = one - other if paired else np.concatenate([one - one.mean(), other - other.mean()])
    if np.allclose(gaps, gaps[0], rtol=1e-12, atol=0):
        return float(np.isclose(one.mean(), other.mean(), rtol=1e-12, atol=0))
    test = stats.ttest_rel(one, other) if paired else stats.ttest_ind(one, other, equal_var=False)
    return float(test.pvalue)


def _groups(apart: np.ndarray, p: float) -> list[range]:
    """Longest runs of families, in the order of ranks, whose ends are not told apart."""
    count = len(apart)
    if p >= 1 - CONFIDENCE:
        return [range(count)]
    last = [max(k for k in range(first, count) if k == first or not apart[first, k]) for first in range(count)]
    return [range(i, end + 1) for i, end in enumerate(last) if i == 0 or end > last[i - 1]]


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    return np.mean(values, axis=axis)


def _gap(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
    return np.mean(one, axis=axis) - np.mean(other, axis=axis)


def _bootstrap(data: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray]) -> tuple[float, float, str]:
    """Ends of the interval of a statistic, and by which method."""
    if all(np.ptp(values) == 0 for values in data):
        value = float(statistic(*data, axis=-1))
        return value, value, "percentile"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # then there is no BCa
        warnings.simplefilter("ignore", RuntimeWarning)
        found = _resampled(data, statistic, "BCa")
    if math.isfinite(found[0]) and math.isfinite(found[1]):
        return *found, "BCa"
    return *_resampled(data, statistic, "percentile"), "percentile"


def _resampled(data: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], method: str) -> tuple[float, float]:
    drawn = stats.bootstrap(
        data, statistic, confidence_level=CONFIDENCE, n_resamples=RESAMPLES, method=method, axis=-1, rng=0
    )
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def _need(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        raise KeraseqError(f"comparing families needs {library.replace('_', '-')}: pip install 'keraseq[report]'")
