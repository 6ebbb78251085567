"""Families race: each has a sampler of its own, and those that lead get more of the budget."""

from __future__ import annotations

import math

import optuna

from keraseq.registry import algorithms
from keraseq.tuning.algorithms.sampled import Sampled

ROUNDS = 4  # trials of every family before any gets more than another
STARTS = 5  # random trials of a family before its sampler learns


@algorithms.register("race", reference="Falkner et al. 2018, arXiv:1807.01774 (multivariate TPE)")
class Race(Sampled):
    """One multivariate TPE a family, and successive halving of the budget across families.

    After four trials each, the family whose best trial leads has a share of 1, the second 1/2, the next two 1/4, the
    next four 1/8, … but never less than 1/8, so that a family that starts slowly can still come to lead. Equal ranks go
    to the family named first.
    """

    def sampler(self, family: str, seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTS)

    def weight(self, family: str) -> float:
        if min(arm.begun for arm in self.arms.values()) < ROUNDS:
            return super().weight(family)
        ranks = sorted(self.arms, key=lambda name: min(self.arms[name].losses, default=(math.inf,)))
        return super().weight(family) * max(1 / 8, 2.0 ** -math.ceil(math.log2(ranks.index(family) + 1)))
