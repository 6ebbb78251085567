"""Algorithms that are an Optuna sampler for each family: one over all families would lock onto one of them."""

from __future__ import annotations

import math
from abc import abstractmethod

import optuna

from keraseq.tuning.algorithms.base import Suggestion, spread
from keraseq.tuning.algorithms.turns import Turns, size

TRIES = 10  # for something new: of the sampler, then of chance, before a finite space is gone through


class Sampled(Turns):
    """Each family has a sampler of its own, which learns from that family alone."""

    @abstractmethod
    def sampler(self, family: str, seed: int) -> optuna.samplers.BaseSampler:
        """A sampler for the space of one family, or for a hypermodel that declares its space as it goes."""

    def ask(self, index: int) -> Suggestion | None:
        for family in self.order():
            arm = self.arms[family]
            if arm.exhausted:
                continue
            for attempt in range(2 * TRIES):
                seed = spread(self.problem.seed, index, attempt)
                sampler = self.sampler(family, seed) if attempt < TRIES else optuna.samplers.RandomSampler(seed)
                params = arm.ask(index, sampler)
                if params is not None:
                    self._family[index] = family
                    return Suggestion(family, params)
            if math.isfinite(size(arm.space)):
                suggestion = Suggestion(family, arm.untried(self.problem.seed))
                self.begin(index, suggestion)
                return suggestion
        return None
