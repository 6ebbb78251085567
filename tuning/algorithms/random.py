"""Random search."""

from __future__ import annotations

import optuna

from keraseq.registry import algorithms
from keraseq.tuning.algorithms.sampled import Sampled


@algorithms.register("random", reference="Bergstra & Bengio 2012, JMLR 13")
class Random(Sampled):
    """Every setting drawn independently and uniformly from its range; families in turn."""

    def sampler(self, family: str, seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.RandomSampler(seed)
