"""Tree-structured Parzen estimator."""

from __future__ import annotations

import optuna

from keraseq.registry import algorithms
from keraseq.tuning.algorithms.sampled import Sampled


@algorithms.register("tpe", reference="Bergstra et al. 2011, NeurIPS 24")
class TPE(Sampled):
    """Settings drawn where good trials are denser than bad ones; families in turn, each random for ten trials first."""

    def sampler(self, family: str, seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.TPESampler(seed=seed)
