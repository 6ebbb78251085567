"""Every search algorithm, asked and told without training."""

import itertools
import math
from collections import Counter

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.errors import UsageError
from keraseq.registry import algorithms
from keraseq.tuning.algorithms.base import Ended, Problem, Suggestion

NAMES = algorithms.names()
OURS = [name for name in NAMES if not name.startswith("kt-")]
SLOW = {"kt-bayesian": 3}  # asks; later ones fit a Gaussian process


@pytest.fixture(autouse=True)
def silent():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def spaces(name="tpe", families="ab"):
    """Mixed ranges; numbers alone for `cmaes`."""
    found = {}
    for family in families:
        found[family] = {
            f"{family}/x": FloatDistribution(0.0, 1.0),
            f"{family}/width": IntDistribution(8, 128, log=True),
            "rate": FloatDistribution(1e-4, 1e-1, log=True),
        }
        if name != "cmaes":
            found[family][f"{family}/kind"] = CategoricalDistribution(("u", "v"))
    return found


def discrete(name="tpe"):
    """21 settings in all."""
    choices = IntDistribution(0, 2) if name == "cmaes" else CategoricalDistribution(("u", "v", "w"))
    return {
        "a": {"a/kind": choices, "rate": IntDistribution(0, 2)},
        "b": {"b/width": IntDistribution(2, 8, step=2), "rate": IntDistribution(0, 2)},
    }


def make(name, where=None, seed=0, **settings):
    return algorithms.get(name)(Problem(where or spaces(name), seed, epochs=9, **settings))


def good(suggestion, index=0):
    """Ends well, in a second; family `a` is the better one."""
    params = suggestion.params.values()
    return Ended((("abcdefgh".index(suggestion.family)) + sum(v for v in params if not isinstance(v, str)) / 300,), 1.0)


def run(algorithm, trials, end=good, first=0):
    """Suggestions of trials that end one after the other."""
    found = []
    for index in range(first, first + trials):
        suggestion = algorithm.ask(index)
        if suggestion is None:
            break
        found.append(suggestion)
        algorithm.tell(index, end(suggestion, index))
    return found


def key(suggestion):
    return suggestion.family, *sorted(suggestion.params.items())


def told(algorithm, suggestions, end=good):
    """Enters a history."""
    for index, suggestion in enumerate(suggestions):
        algorithm.begin(index, suggestion)
        algorithm.tell(index, end(suggestion, index))
    return algorithm


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_makes_the_suggestions(name):
    trials = SLOW.get(name, 30)
    found = run(make(name), trials)
    assert len(found) == trials
    assert run(make(name), trials) == found
    assert run(make(name, seed=1), trials) != found


@pytest.mark.parametrize("name", NAMES)
def test_suggestions_lie_in_the_space_of_their_family(name):
    where = spaces(name)
    for suggestion in run(make(name), SLOW.get(name, 30)):
        ranges = where[suggestion.family]
        assert suggestion.params.keys() == ranges.keys()
        for parameter, value in suggestion.params.items():
            assert ranges[parameter]._contains(ranges[parameter].to_internal_repr(value)), parameter
        assert suggestion.epochs is None or 1 <= suggestion.epochs <= 9


# Not KerasTuner's, which gives up after twenty repeats in a row and whose Hyperband repeats settings with more epochs.
@pytest.mark.parametrize("name", sorted({*OURS} - {"grid"}))
@pytest.mark.parametrize("seed", range(2))
def test_a_finite_space_is_gone_through_once(name, seed):
    found = run(make(name, discrete(name), seed), 50)
    assert len({key(suggestion) for suggestion in found}) == len(found) == 21


def test_a_grid_is_low_middle_and_high_with_every_choice_once():
    found = run(make("grid"), 200)
    for family in "ab":
        own = [tuple(suggestion.params.values()) for suggestion in found if suggestion.family == family]
        middle = pytest.approx(math.sqrt(1e-4 * 1e-1))
        rates = sorted({rate for _, _, rate, _ in own})
        assert rates == [1e-4, middle, 1e-1]
        assert sorted(own) == sorted(itertools.product([0.0, 0.5, 1.0], [8, 32, 128], rates, "uv"))


@pytest.mark.parametrize("name", OURS)
def test_running_trials_are_not_suggested_again(name):
    algorithm = make(name, discrete(name))
    found = [algorithm.ask(index) for index in range(12)]
    assert len({key(suggestion) for suggestion in found}) == 12


@pytest.mark.parametrize("name", NAMES)
def test_a_search_that_is_told_its_history_goes_on_alike(name):
    trials = SLOW.get(name, 16)
    found = run(make(name), 2 * trials)
    again = told(make(name), found[:trials])
    assert run(again, trials, first=trials) == found[trials:]


# cmaes and kt-hyperband need the order of the events: told trial by trial instead, they go on otherwise.
@pytest.mark.parametrize("name", sorted({*NAMES} - {"kt-bayesian"}))
def test_a_search_of_four_at_a_time_goes_on_alike(name):
    asked, again = make(name), make(name)
    for first in range(0, 24, 4):
        running = {index: asked.ask(index) for index in range(first, first + 4)}
        for index, suggestion in running.items():
            again.begin(index, suggestion)
        for index, suggestion in running.items():
            asked.tell(index, good(suggestion))
            again.tell(index, good(suggestion))
    assert [again.ask(24), again.ask(25)] == [asked.ask(24), asked.ask(25)]


# Covariance matrix adaptation seeds by the number of a trial in its study, and repeats, which no history has, count.
@pytest.mark.parametrize("name", sorted({*OURS} - {"cmaes"}))
def test_a_search_of_a_finite_space_goes_on_alike(name):
    found = run(make(name, discrete(name)), 50)
    again = told(make(name, discrete(name)), found[:15])
    assert run(again, 50, first=15) == found[15:]


@pytest.mark.parametrize("name", OURS)
def test_what_was_queued_is_not_suggested_again(name):
    (queued,) = run(make(name, discrete(name), seed=5), 1)
    later = run(told(make(name, discrete(name)), [queued]), 50, first=1)
    assert later
    assert key(queued) not in map(key, later)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OURS])
def test_keras_tuner_goes_on_after_what_was_queued(name):
    assert told(make(name), run(make(name, seed=5), 1)).ask(1) is not None


@pytest.mark.parametrize("name", NAMES)
def test_failed_and_pruned_trials_are_survived(name):
    def end(suggestion, index):
        return (Ended(None, 1.0), Ended((1.0,), 1.0, pruned=2), good(suggestion))[index % 3]

    trials = SLOW.get(name, 30)
    assert len(run(make(name), trials, end)) == trials
    assert len(run(make(name), trials, lambda *_: Ended(None, 1.0))) == trials


@pytest.mark.parametrize("name", ["tpe", "random", "grid"])
def test_shares_are_of_trials(name):
    found = run(make(name, shares={"a": 2.0}), 30)
    assert Counter(suggestion.family for suggestion in found) == {"a": 20, "b": 10}


@pytest.mark.parametrize("name", ["tpe", "random", "grid"])
def test_shares_can_be_of_time(name):
    seconds = {"a": 4.0, "b": 1.0}
    found = run(make(name, equal="time"), 30, lambda suggestion, _: Ended((0.5,), seconds[suggestion.family]))
    spent = Counter()
    for suggestion in found:
        spent[suggestion.family] += seconds[suggestion.family]
    assert abs(spent["a"] - spent["b"]) <= 4


def two(suggestion):
    """Width against rate."""
    return Ended((suggestion.params[f"{suggestion.family}/width"] / 128, suggestion.params["rate"]))


@pytest.mark.parametrize("name", ["race", "tpe", "random", "nsga2", "grid"])
def test_several_objectives(name):
    def end(suggestion, index):
        return (Ended(None), Ended((9.0, 9.0), pruned=2), two(suggestion))[min(index, 2)]

    assert len(run(make(name, objectives=2), 30, end)) == 30


@pytest.mark.parametrize("name", ["cmaes", "kt-random", "kt-bayesian", "kt-hyperband"])
def test_one_objective_alone_is_a_usage_error_for_several(name):
    with pytest.raises(UsageError, match="nsga2, race or tpe"):
        make(name, objectives=2)


def test_covariance_needs_numbers():
    with pytest.raises(UsageError, match=r"a/kind are choices\. Remedy: --fix a/kind="):
        make("cmaes", spaces("tpe", "a"))


@pytest.mark.parametrize("name", ["kt-random", "kt-bayesian", "kt-hyperband"])
def test_keras_tuner_takes_no_shares(name):
    with pytest.raises(UsageError, match="leave out their shares"):
        make(name, shares={"a": 2.0})


def test_a_race_is_led_by_the_best_family_and_leaves_none_behind():
    counts = Counter(suggestion.family for suggestion in run(make("race", spaces(families="dcba")), 96))
    assert counts["a"] == max(counts.values()) > 96 / 3
    assert min(counts.values()) >= 96 / 16


def test_a_race_does_not_wait_for_a_family_that_has_nothing_left():
    where = spaces(families="ab") | {"c": {"c/kind": CategoricalDistribution(("u", "v"))}}
    counts = Counter(suggestion.family for suggestion in run(make("race", where), 62))
    assert counts == {"a": 40, "b": 20, "c": 2}


def test_a_race_for_several_objectives_is_led_by_who_has_most_of_the_front():
    """`b` has the least of either loss, once; `a` has what lies between."""

    def end(suggestion, index):
        if suggestion.family == "a":
            return Ended((1.0 + 1 / (index + 2), 2.0 - 1 / (index + 2)))
        return Ended((0.0, 3.0) if index < 4 else (9.0, 9.0))

    found = run(make("race", spaces(families="ba"), objectives=2), 60, end)
    counts = Counter(suggestion.family for suggestion in found)
    assert counts["a"] > 1.5 * counts["b"]


def test_a_suggestion_from_elsewhere_may_be_told_to_a_family_that_is_exhausted():
    algorithm = make("random", discrete())
    assert len(run(algorithm, 50)) == 21
    algorithm.begin(21, Suggestion("a", {"a/kind": "u", "rate": 1}))
    algorithm.tell(21, Ended((1.0,), 1.0))
    assert algorithm.ask(22) is None
