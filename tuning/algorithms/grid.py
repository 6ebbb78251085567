"""Grid search."""

from __future__ import annotations

import math
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.registry import algorithms
from keraseq.tuning.algorithms.base import Problem, Suggestion
from keraseq.tuning.algorithms.turns import Turns, point, scattered


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
            arm = self.arms[family]
            grid = {name: points(where) for name, where in self.problem.spaces[family].items()}
            size = math.prod(map(len, grid.values()))
            while self._next[family] < size:
                params = point(grid, scattered(self._next[family], size, self.problem.seed))
                self._next[family] += 1
                if not arm.knows(params):
                    suggestion = Suggestion(family, params)
                    self.begin(index, suggestion)
                    return suggestion
        return None


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
