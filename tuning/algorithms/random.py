"""Random search."""

from __future__ import annotations

import optuna

from keraseq.registry import algorithms


@algorithms.register("random", reference="Bergstra & Bengio 2012, JMLR 13")
def random(seed: int) -> optuna.samplers.BaseSampler:
    """Every setting drawn independently and uniformly from its range."""
    return optuna.samplers.RandomSampler(seed=seed)
