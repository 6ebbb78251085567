"""A genetic algorithm for several objectives."""

from __future__ import annotations

import optuna

from keraseq.registry import algorithms
from keraseq.tuning.algorithms.sampled import Sampled

POPULATION = 10


@algorithms.register("nsga2", tags={"several-objectives"}, reference="Deb et al. 2002, IEEE TEC 6(2)")
class NSGA2(Sampled):
    """Non-dominated sorting genetic algorithm, generations of ten in each family; families in turn."""

    def sampler(self, family: str, seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)

    recalling = sampler  # which notes the generation of what it is asked for
