"""Covariance matrix adaptation."""

from __future__ import annotations

import importlib.util

import optuna
from optuna.distributions import CategoricalDistribution

from keraseq.config import check
from keraseq.registry import algorithms
from keraseq.tuning.algorithms.base import Problem
from keraseq.tuning.algorithms.sampled import Sampled


@algorithms.register("cmaes", reference="Hansen & Ostermeier 2001, Evolutionary Computation 9(2)")
class CMAES(Sampled):
    """Covariance matrix adaptation evolution strategy in each family, for ranges of numbers; families in turn.

    Needs `pip install 'keraseq[cmaes]'`.
    """

    def __init__(self, problem: Problem):
        check(importlib.util.find_spec("cmaes") is not None, "cmaes needs its library: pip install 'keraseq[cmaes]'")
        check(problem.objectives == 1, "cmaes needs one objective; for several use nsga2, race or tpe")
        for space in problem.spaces.values():
            choices = [name for name, where in space.items() if isinstance(where, CategoricalDistribution)]
            given = " ".join(f"--fix {name}=…" for name in choices)
            check(not choices, f"cmaes needs ranges of numbers; {', '.join(choices)} are choices. Remedy: {given}")
        super().__init__(problem)

    def sampler(self, family: str, seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.CmaEsSampler(seed=seed)

    recalling = sampler  # which keeps its state beside the trials that it is asked for
