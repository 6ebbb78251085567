"""Whose turn it is: families in turn by their shares, each with a memory of its own."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import Trial, TrialState

from keraseq.tuning.algorithms.base import Algorithm, Ended, Problem, Space, Suggestion, spread


class Turns(Algorithm):
    """Families in turn by their shares. What was tried before is recognised."""

    def __init__(self, problem: Problem):
        super().__init__(problem)
        self.arms = {family: Arm(family, space, problem.objectives) for family, space in problem.spaces.items()}
        self._family: dict[int, str] = {}

    def weight(self, family: str) -> float:
        """The share of a family in the budget, relative to the others."""
        return self.problem.shares.get(family, 1.0)

    def order(self) -> list[str]:
        """The families, the one whose turn it is first."""
        return sorted(self.arms, key=self._spent)

    def _spent(self, family: str) -> float:
        arm = self.arms[family]
        return (arm.seconds if self.problem.equal == "time" else arm.begun) / self.weight(family)

    def begin(self, index: int, suggestion: Suggestion) -> None:
        self._family[index] = suggestion.family
        sampler = self.recalling(suggestion.family, spread(self.problem.seed, index, 0))
        self.arms[suggestion.family].begin(index, suggestion.params, sampler)

    def recalling(self, family: str, seed: int) -> optuna.samplers.BaseSampler:
        """The sampler that is asked while given values are entered; its own answer is not used."""
        return optuna.samplers.RandomSampler(seed)

    def tell(self, index: int, ended: Ended) -> None:
        self.arms[self._family.pop(index)].tell(index, ended)


class Arm:
    """One family: an Optuna study in memory.

    Attributes:
        begun: trials so far.
        losses: of those that ended with a score, in the order of their ends.
    """

    def __init__(self, family: str, space: Space, objectives: int):
        self.space = dict(space)
        self.study = optuna.create_study(study_name=family, directions=["minimize"] * objectives)
        self.begun = 0
        self.losses: list[tuple[float, ...]] = []
        self._ended, self._took = 0, 0.0
        self._running: dict[int, Trial] = {}
        self._known: set[Hashable] = set()

    @property
    def seconds(self) -> float:
        """Spent on the family; a running trial counts as one of the mean of those that ended."""
        return self._took + len(self._running) * (self._took / self._ended if self._ended else 1.0)

    def ask(self, index: int, sampler: optuna.samplers.BaseSampler) -> dict[str, Any] | None:
        """New settings; None where the sampler gives known ones, from which it learns nothing."""
        self.study.sampler = sampler
        trial = self.study.ask(self.space)
        if self.knows(trial.params):
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        self._start(index, trial)
        return trial.params

    def knows(self, params: Mapping[str, Any]) -> bool:
        """Whether these settings were tried, or are running."""
        return _key(params) in self._known

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing new left to try."""
        return len(self._known) >= size(self.space)

    def untried(self, seed: int) -> dict[str, Any]:
        """New settings of a finite space that is not exhausted."""
        ranges = {name: values(where) or () for name, where in self.space.items()}
        count = math.prod(map(len, ranges.values()))
        points = (point(ranges, scattered(i, count, seed)) for i in range(count))
        return next(params for params in points if not self.knows(params))

    def begin(self, index: int, params: Mapping[str, Any], sampler: optuna.samplers.BaseSampler) -> None:
        """Enters a trial whose settings are given."""
        self.study.sampler = sampler
        self.study.enqueue_trial(dict(params))
        trial = self.study.ask(self.space)
        _ = trial.relative_params  # asks the sampler, which Optuna leaves out where all values are given
        self._start(index, trial)

    def _start(self, index: int, trial: Trial) -> None:
        self.begun += 1
        self._known.add(_key(trial.params))
        self._running[index] = trial

    def tell(self, index: int, ended: Ended) -> None:
        """Enters how a trial ended."""
        trial = self._running.pop(index)
        self._ended += 1
        self._took += ended.seconds
        if ended.losses is not None:
            self.losses.append(ended.losses)
        self._tell(trial, ended)

    def _tell(self, trial: Trial, ended: Ended) -> None:
        if ended.losses is None:
            self.study.tell(trial, state=TrialState.FAIL)
        elif ended.pruned is not None and len(ended.losses) == 1:  # Optuna knows pruned trials of one objective alone
            trial.report(ended.losses[0], ended.pruned)
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, list(ended.losses))


def _key(params: Mapping[str, Any]) -> Hashable:
    return tuple(sorted(params.items()))


def values(where: BaseDistribution) -> Sequence[Any] | None:
    """Every value of a range, in order; None where they cannot be counted."""
    match where:
        case CategoricalDistribution(choices=choices):
            return choices
        case IntDistribution(low=low, high=high, step=step):
            return range(low, high + 1, step)
    return None


def size(space: Space) -> float:
    """How many settings a space has."""
    counted = [values(where) for where in space.values()]
    return math.prod(math.inf if one is None else len(one) for one in counted)


def point(ranges: Mapping[str, Sequence[Any]], place: int) -> dict[str, Any]:
    """The settings at a place of the product of all ranges."""
    params = {}
    for name, choices in ranges.items():
        place, digit = divmod(place, len(choices))
        params[name] = choices[digit]
    return params


def scattered(i: int, size: int, seed: int) -> int:
    """Place `i` of a permutation of `range(size)`, i ↦ (a·i + b) mod size, without writing it down."""
    a = spread(seed, size) % size or 1
    while math.gcd(a, size) > 1:
        a += 1
    return (a * i + spread(seed, size, 1)) % size
