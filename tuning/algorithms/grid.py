"""Grid search."""

from __future__ import annotations

import math
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.registry import algorithms
from keraseq.tuning.algorithms.base import Problem, Space, Suggestion, spread
from keraseq.tuning.algorithms.turns import Turns

POINTS = 3


@algorithms.register("grid")
class Grid(Turns):
    """Every combination of all choices and three points of every range of numbers: low, middle, high.

    Points of a family come in an order that the seed shuffles, so that a grid cut short has been everywhere; families
    take turns.
    """

    def __init__(self, problem: Problem):
        super().__init__(problem)
        self._next = dict.fromkeys(problem.spaces, 0)

    def ask(self, index: int) -> Suggestion | None:
        for family in self.order():
            space, arm = self.problem.spaces[family], self.arms[family]
            size = grid_size(space)
            while self._next[family] < size:
                params = point(space, scattered(self._next[family], size, self.problem.seed))
                self._next[family] += 1
                if not arm.knows(params):
                    suggestion = Suggestion(family, params)
                    self.begin(index, suggestion)
                    return suggestion
        return None


def grid_size(space: Space) -> int:
    """How many points the grid of a space has."""
    return math.prod(len(points(where)) for where in space.values())


def point(space: Space, place: int) -> dict[str, Any]:
    """The settings at a place of the grid."""
    params = {}
    for name, where in space.items():
        values = points(where)
        place, digit = divmod(place, len(values))
        params[name] = values[digit]
    return params


def points(where: BaseDistribution) -> list[Any]:
    """The values of a range that the grid has."""
    match where:
        case CategoricalDistribution(choices=choices):
            return list(choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            middle = math.sqrt(low * high) if log else (low + high) / 2
            return sorted({low, low + round((middle - low) / step) * step, high})
        case FloatDistribution(low=low, high=high, log=log):
            return sorted({low, math.sqrt(low * high) if log else (low + high) / 2, high})
    raise TypeError(f"no points of {where}")


def scattered(i: int, size: int, seed: int) -> int:
    """Place `i` of a permutation of `range(size)`, i ↦ (a·i + b) mod size, without writing it down."""
    a = spread(seed, size) % size or 1
    while math.gcd(a, size) > 1:
        a += 1
    return (a * i + spread(seed, size, 1)) % size
