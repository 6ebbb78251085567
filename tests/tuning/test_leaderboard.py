"""Means, intervals, ties, fronts, and what is left of the time, on records made by hand."""

import time
from types import SimpleNamespace

import pytest
from scipy import stats

from keraseq.tuning.budget import Budget, Clock
from keraseq.tuning.plan import Plan
from keraseq.tuning.pruning import PRUNERS, Pruning, first_rung
from keraseq.tuning.record import Record
from keraseq.tuning.results.leaderboard import leaderboard, spread_of, tied
from keraseq.tuning.results.pareto import front


def record(index, family, score, replicate=0, **facts):
    given = {"params": {}, "seed": replicate, "outcome": "completed", "parameters": 10, "epochs": 4, "seconds": 1.0}
    given |= {"first_epoch": 0.4, "memory": 1, "latency": None, "match": {}, "message": ""}
    return Record(index=index, replicate=replicate, family=family, score=score, **given | facts)


def test_an_interval_is_students():
    values = [0.91, 0.93, 0.95, 0.90]
    found = spread_of(values)
    low, high = stats.t.interval(0.95, 3, loc=found.mean, scale=stats.sem(values))
    assert found.mean - found.interval == pytest.approx(low)
    assert found.mean + found.interval == pytest.approx(high)
    assert str(found) == "0.9225 ± 0.0353"
    assert str(spread_of([0.5])) == "0.5"
    assert str(spread_of([123.4, 125.4])) == "124.4 ± 12.7"
    assert spread_of([]) is None


def test_ties_follow_the_seeds():
    near, same, far = spread_of([0.90, 0.92, 0.91]), spread_of([0.91, 0.90, 0.93]), spread_of([0.70, 0.72, 0.71])
    assert tied(near, same)
    assert not tied(near, far)
    assert not tied(near, spread_of([0.91]))  # one run tells nothing of chance
    assert tied(spread_of([0.5, 0.5]), spread_of([0.5, 0.5]))
    assert not tied(spread_of([0.5, 0.5]), spread_of([0.6, 0.6]))
    assert not tied(spread_of([1.0, 1.0, 1.0]), spread_of([0.93, 0.94, 0.92]))


@pytest.mark.parametrize(("direction", "sign"), [("max", 1), ("min", -1)])
def test_fresh_seeds_stand_before_the_score_that_chose_the_winner(direction, sign):
    records = [
        record(0, "a", sign * 0.99),
        record(1, "b", sign * 0.95),
        record(2, "a", sign * 0.5),
        record(3, "c", None),
    ]
    fresh = [(0, "a", 0.8, 1), (0, "a", 0.82, 2), (1, "b", 0.9, 1), (1, "b", 0.91, 2)]
    again = [record(index, family, sign * score, k) for index, family, score, k in fresh]
    tests = {"0000": 0.1, "0000-1": 0.7, "0000-2": 0.72, "0001-1": 0.88}
    first, second, third = leaderboard(["a", "b", "c"], records, again, tests, direction)
    assert (first.family, first.validation.mean) == ("b", pytest.approx(sign * 0.905))
    assert first.test.values == (0.88,)
    assert (second.family, second.winner.index, second.trials) == ("a", 0, 2)
    assert second.test.values == (0.7, 0.72)
    assert not second.tied
    assert (third.family, third.winner, third.failed, third.validation) == ("c", None, 1, None)


def test_a_front_is_what_nothing_beats():
    records = [
        record(0, "a", 0.9, parameters=100),
        record(1, "a", 0.8, parameters=50),
        record(2, "a", 0.7, parameters=60),
        record(3, "a", None, parameters=1),
        record(4, "b", 0.95, parameters=None),
        record(5, "b", 0.9, parameters=200),
    ]
    assert [r.index for r in front(records, ["score", "parameters"], "max")] == [0, 1]
    assert [r.index for r in front(records, ["score", "parameters"], "min")] == [2, 1]
    assert [r.index for r in front(records, ["score"], "max")] == [4]
    assert front([], ["score"], "max") == []


def clock(seconds, spent, seeds=0, first=1):
    plan = Plan(task={"name": "x"}, models={"a": 1}, algorithm="race", seed=0, seeds=seeds)
    study = SimpleNamespace(plan=plan, elapsed=lambda: spent)
    return Clock(study, Budget(None, seconds, None, 1), workers=2, began=time.monotonic(), first_rung=first)


def test_no_trial_begins_that_cannot_reach_its_first_rung():
    took = [record(0, "a", 0.5, seconds=60.0, epochs=11, first_epoch=10.0)]  # 10 s, then 5 s an epoch
    assert clock(100, 70).allows(took)  # 20 s are left before the test scores
    assert not clock(100, 81).allows(took)
    assert not clock(100, 70, first=4).allows(took)  # 25 s
    assert clock(100, 70).allows([])
    assert clock(None, 1e9).allows(took)
    assert not clock(100, 50, seeds=3).allows([record(0, "a", 0.5, seconds=16.0, epochs=1)])  # a quarter is for finals


def test_what_is_left_is_shared():
    assert clock(100, 10).limit(waiting=4) == pytest.approx(40, abs=0.1)
    assert clock(100, 10, seeds=1).limit(waiting=4) == pytest.approx(27.5, abs=0.1)
    assert clock(100, 10, seeds=1).limit(waiting=1, finals=True) == pytest.approx(80, abs=0.1)
    assert clock(None, 10).limit(waiting=1) is None


@pytest.mark.parametrize("kind", PRUNERS)
def test_pruning_stops_what_is_worst_and_compares_within_families(kind):
    pruning = Pruning(kind, 9)
    for index in range(12):
        pruning.begin(index, "good")
        for epoch in range(1, 10):
            pruning.report(index, epoch, 1 / (epoch + index))
        pruning.end(index, pruned=False)
    stopped = []
    for index, family in ((20, "good"), (21, "other")):
        pruning.begin(index, family)
        stopped.append(any(pruning.report(index, epoch, 5.0) for epoch in range(1, 10)))
        pruning.end(index, pruned=stopped[-1])
    assert stopped == [kind != "none", False]
    assert first_rung("none", 9) == first_rung("median", 5) == 1
    assert first_rung("asha", 27) == 3
