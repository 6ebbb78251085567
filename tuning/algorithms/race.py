"""Families race: each has a sampler of its own, and those that lead get more of the budget."""

from __future__ import annotations

import math

import numpy as np
import optuna

from keraseq.registry import algorithms
from keraseq.tuning.algorithms.base import Ended, Problem
from keraseq.tuning.algorithms.sampled import Sampled

ROUNDS = 4  # trials of every family before any gets more than another
STARTS = 5  # random trials of a family before its sampler learns


@algorithms.register("race", reference="Falkner et al. 2018, arXiv:1807.01774 (multivariate TPE)")
class Race(Sampled):
    """One multivariate TPE a family, and successive halving of the budget across families.

    After four trials each, the family whose best trial leads has a share of 1, the second 1/2, the next two 1/4, all
    others 1/8, so that a family that starts slowly can still come to lead. For several objectives that family leads
    which has most trials of the Pareto front over all families. Equal ranks go to the family named first.
    """

    def __init__(self, problem: Problem):
        super().__init__(problem)
        self.ranked = [*self.arms]

    def sampler(self, family: str, seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTS)

    def weight(self, family: str) -> float:
        if any(arm.begun < ROUNDS and not arm.exhausted for arm in self.arms.values()):
            return super().weight(family)
        return super().weight(family) * max(1 / 8, 2.0 ** -math.ceil(math.log2(self.ranked.index(family) + 1)))

    def tell(self, index: int, ended: Ended) -> None:
        super().tell(index, ended)
        self.ranked = sorted(self.arms, key=self._standing)

    def _standing(self, family: str) -> float:
        """What families are ranked by; less is better."""
        own = self.arms[family].losses
        if self.problem.objectives == 1:
            return min(own, default=(math.inf,))[0]
        everything = np.array([losses for arm in self.arms.values() for losses in arm.losses])
        return -sum(not dominated(losses, everything) for losses in own)


def dominated(losses: tuple[float, ...], others: np.ndarray) -> bool:
    """Whether one of the others is nowhere worse and somewhere better."""
    return bool(((others <= losses).all(axis=1) & (others < losses).any(axis=1)).any())
