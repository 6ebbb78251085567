"""Intervals, ties and ranks: against textbooks, other libraries, and data in which there is nothing to find."""

import sys

import numpy as np
import pytest
from scipy import stats

from keraseq.benchmarking import statistics
from keraseq.benchmarking.statistics import difference, estimate, ranking, verdicts
from keraseq.errors import KeraseqError, UsageError

pytest.importorskip("scikit_posthocs", reason="ties and ranks need keraseq[report]")

# Demšar 2006, table 2: accuracy of C4.5 on 14 data sets: as it is, with m, with cf, with both tuned.
DEMSAR = """
.763 .768 .771 .798  .599 .591 .590 .569  .954 .971 .968 .967  .628 .661 .654 .657  .882 .888 .886 .898
.936 .931 .916 .931  .661 .668 .609 .685  .583 .583 .563 .625  .775 .838 .866 .875  1 1 1 1
.940 .962 .965 .962  .619 .666 .614 .669  .972 .981 .9751 .975  .957 .978 .946 .970
"""
NAMES = ("plain", "m", "cf", "m+cf")


def demsar():
    table = np.array(DEMSAR.split(), float).reshape(14, 4)
    return {name: (-column).tolist() for name, column in zip(NAMES, table.T, strict=True)}


def test_an_interval_is_scipys_bootstrap():
    values = [0.91, 0.93, 0.95, 0.90, 0.94]
    found = estimate(values)
    expected = stats.bootstrap((values,), np.mean, rng=0, method="BCa").confidence_interval
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert (found.mean, found.method) == (pytest.approx(np.mean(values)), "BCa")
    assert estimate(values) == found  # drawn with one seed


def test_what_has_no_interval_says_so():
    assert estimate([]) is None
    assert (estimate([0.5]).low, estimate([0.5]).high, estimate([0.5]).method) == (None, None, "")
    same = estimate([0.5, 0.5, 0.5])
    assert (same.low, same.high, same.method) == (0.5, 0.5, "percentile")


def test_an_interval_of_many_values_holds_the_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).exponential(size=(150, 30))
    held = sum(found.low <= 1 <= found.high for found in map(estimate, draws))
    assert 0.88 <= held / 150 <= 0.99


def test_a_difference_is_paired_where_seeds_are_shared():
    noise = {seed: float(seed) for seed in range(5)}
    first = {seed: value + 0.1 + 0.001 * seed for seed, value in noise.items()}
    paired = difference(first, noise)
    assert (paired.paired, paired.seeds) == (True, (5, 5))
    assert paired.p == pytest.approx(stats.ttest_rel(list(first.values()), list(noise.values())).pvalue)
    assert 0.1 < paired.low < paired.mean < paired.high < 0.105
    apart = difference(first, {seed + 5: value for seed, value in noise.items()})
    welch = stats.ttest_ind(list(first.values()), list(noise.values()), equal_var=False)
    assert (apart.paired, apart.p) == (False, pytest.approx(welch.pvalue))
    assert apart.mean == pytest.approx(paired.mean)
    one = difference({0: 1.0}, {0: 2.0})
    assert (one.mean, one.low, one.p) == (-1.0, None, None)
    assert difference({0: 1.0, 1: 1.1}, {0: 2.0, 1: 2.1}).p is None  # an interval, but of two seeds
    same = dict.fromkeys(range(3), 0.5)
    assert (difference(same, same).p, difference(same, dict.fromkeys(range(3), 0.6)).p) == (1.0, 0.0)


def scores(**rows):
    return {family: dict(enumerate(values)) for family, values in rows.items()}


@pytest.mark.parametrize("direction", ["max", "min"])
def test_who_is_told_apart_from_the_best(direction):
    sign = {"max": 1, "min": -1}[direction]
    given = scores(a=[0.90, 0.91, 0.92], b=[0.90, 0.90, 0.93], c=[0.50, 0.51, 0.52], d=[0.4, 0.41], e=[])
    found = verdicts({name: {k: sign * v for k, v in row.items()} for name, row in given.items()}, direction)
    assert found == {"a": "best", "b": "tied", "c": "worse", "d": "undecided"}


def test_pairs_that_differ_by_one_number_need_no_test():
    found = verdicts(scores(a=[0.5, 0.5, 0.5], b=[0.5, 0.5, 0.5], c=[0.4, 0.4, 0.4]), "max")
    assert found == {"a": "best", "b": "tied", "c": "worse"}
    assert verdicts({}, "max") == {}
    assert verdicts(scores(a=[0.5]), "max") == {"a": "best"}


def test_one_pair_is_a_paired_t_test():
    rng = np.random.default_rng(1)
    for gap in (0.5, 1.0, 1.5):
        one, other = rng.normal(size=(2, 6))
        p = stats.ttest_rel(one + gap, other).pvalue
        found = set(verdicts(scores(a=one + gap, b=other), "max").values())
        assert ("worse" in found) == (p < 0.05)


def test_errors_are_compared_by_their_logarithms():
    found = verdicts(scores(a=[1e-5, 1.2e-5, 0.9e-5], b=[2e-3, 2.4e-3, 1.7e-3], c=[0.09, 0.16, 0.02]), "min")
    assert found == {"a": "best", "b": "worse", "c": "worse"}
    assert verdicts(scores(a=[-1.0, -1.0, -1.1], b=[0.1, 0.2, 0.1]), "min") == {"a": "best", "b": "worse"}


def test_what_is_told_apart_on_shared_seeds_is_worse_on_them():
    one, other = {0: 1.0, 1: 1.01, 2: 1.02, 3: 30.0}, {0: 2.0, 1: 2.02, 2: 2.05}
    assert verdicts({"a": one, "b": other}, "min") == {"a": "tied", "b": "best"}


def test_where_there_is_no_difference_ties_are_called_nearly_always():
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(40):
        values = rng.normal(size=(5, 3))
        wrong += "worse" in verdicts(scores(**dict(zip("abcde", values, strict=True))), "max").values()
    assert wrong / 40 <= 0.1


def test_a_difference_that_is_there_is_found():
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(30):
        values = rng.normal(size=(4, 5), scale=0.01) + np.array([[0.9], [0.8], [0.7], [0.6]])
        found += list(verdicts(scores(**dict(zip("abcd", values, strict=True))), "max").values())[1:] == ["worse"] * 3
    assert found >= 27


def test_ranks_are_those_of_demsar():
    found = ranking(demsar())
    assert {name: round(rank, 3) for name, rank in found.ranks.items()} == {
        "m+cf": 1.964,
        "m": 2.0,
        "cf": 2.893,
        "plain": 3.143,
    }
    assert found.critical == pytest.approx(1.25, abs=0.005)
    assert (found.tasks, found.decided) == (14, True)
    assert found.groups == (("m+cf", "m", "cf", "plain"),)  # 1.18 apart, and 1.25 are needed


def test_groups_overlap_where_neighbours_are_not_told_apart():
    rng = np.random.default_rng(4)
    losses = {name: place + rng.normal(size=12, scale=0.6) for place, name in enumerate("abcde")}
    found = ranking(losses)
    assert list(found.ranks) == list("abcde")
    for group in found.groups:
        assert found.ranks[group[-1]] - found.ranks[group[0]] < found.critical
    assert len(found.groups) > 1
    assert sorted({name for group in found.groups for name in group}) == list("abcde")
    assert not any(set(one) < set(other) for one in found.groups for other in found.groups)


def test_families_that_are_alike_are_one_group():
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(40):
        found = ranking({name: rng.normal(size=8).tolist() for name in "abcd"})
        wrong += found.decided
        assert found.decided or found.groups == (tuple(found.ranks),)
    assert wrong / 40 <= 0.15
    extremes = [[4, 2, 4, 2], [5, 5, 5, 4], [1, 1, 3, 1], [3, 3, 2, 3], [2, 4, 1, 5]]  # told apart by Nemenyi alone
    found = ranking(dict(zip("abcde", extremes, strict=True)))
    assert found.ranks["b"] - found.ranks["c"] > found.critical
    assert (found.decided, len(found.groups)) == (False, 1)
    same = ranking({name: [1.0, 1.0, 1.0] for name in "abc"})
    assert (same.p, same.groups) == (1.0, (("a", "b", "c"),))


def test_ranks_need_families_and_tasks():
    with pytest.raises(UsageError, match="three families or more; got 2"):
        ranking({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    with pytest.raises(UsageError, match="over 2 tasks or more; got 1"):
        ranking({"a": [1.0], "b": [2.0], "c": [3.0]})
    with pytest.raises(UsageError, match="a score on every task"):
        ranking({"a": [1.0, 2.0], "b": [2.0], "c": [3.0, 1.0]})


def test_what_is_absent_is_named(monkeypatch):
    for library in ("statsmodels", "scikit_posthocs"):
        monkeypatch.setitem(sys.modules, library, None)
        monkeypatch.setattr(statistics.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(KeraseqError, match=r"pip install 'keraseq\[report\]'"):
        ranking(demsar())
    with pytest.raises(KeraseqError, match="needs statsmodels"):
        verdicts(scores(a=[1, 2, 3.5], b=[1, 2.5, 3]), "max")
