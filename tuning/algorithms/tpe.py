"""Tree-structured Parzen estimator."""

from __future__ import annotations

import optuna

from keraseq.registry import algorithms


@algorithms.register("tpe", reference="Bergstra et al. 2011, NeurIPS 24")
def tpe(seed: int) -> optuna.samplers.BaseSampler:
    """Settings drawn where good trials are denser than bad ones; random for the first ten trials of a family."""
    return optuna.samplers.TPESampler(seed=seed)
