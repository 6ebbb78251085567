"""Searching a model that declares its hyperparameters as it is built."""

from __future__ import annotations

from keraseq.errors import UsageError
from keraseq.registry import algorithms
from keraseq.tuning.algorithms.base import Algorithm, Ended, Problem, Suggestion
from keraseq.tuning.algorithms.sampled import Sampled


class DefineByRun(Algorithm):
    """Suggests nothing itself: the sampler of another algorithm answers each hyperparameter when it is declared.

    Args:
        problem: of one family with an empty space.
        algorithm: registered name of an algorithm that is a sampler.
    """

    def __init__(self, problem: Problem, algorithm: str):
        super().__init__(problem)
        (self.family,) = problem.spaces
        cls = algorithms.get(algorithm)
        if not issubclass(cls, Sampled):
            raise UsageError(f"a hypermodel declares its space as it goes, which {algorithm} cannot search; use tpe")
        self.sampler = cls(problem).sampler

    def ask(self, index: int) -> Suggestion:
        return Suggestion(self.family, {})

    def begin(self, index: int, suggestion: Suggestion) -> None:
        pass

    def tell(self, index: int, ended: Ended) -> None:
        pass
