"""KerasTuner's own oracles over one space with a category `family`, as a user of KerasTuner would have them."""

from __future__ import annotations

from typing import Any

from keraseq.config import check
from keraseq.quiet import quiet_imports
from keraseq.registry import algorithms
from keraseq.tuning.algorithms.base import Algorithm, Ended, Problem, Suggestion, spread
from keraseq.tuning.space import declare_families

with quiet_imports():
    import keras_tuner as kt
    from keras_tuner.engine import trial as kt_trials

LOSS = kt.Objective("loss", "min")
ENDLESS = 10**9  # the budget is the search's


class KerasTuner(Algorithm):
    """An oracle that keeps nothing on disk and whose trials are ours. It imports TensorFlow.

    Shares of families do not apply: the oracle chooses them.
    """

    oracle_class: type[kt.Oracle]

    def __init__(self, problem: Problem):
        check(problem.objectives == 1, "KerasTuner adds objectives up; for several use nsga2, race or tpe")
        even = len({problem.shares.get(family, 1.0) for family in problem.spaces}) == 1
        check(even and problem.equal == "trials", "KerasTuner chooses families itself; leave out their shares")
        super().__init__(problem)
        hp = kt.HyperParameters()
        declare_families(hp, problem.spaces)
        self.oracle = self.made(hp, spread(problem.seed) | 1)  # 0 would be no seed
        self.oracle.verbose = 0
        self.oracle.save = self.oracle._save_trial = lambda *_: None

    def made(self, hp: kt.HyperParameters, seed: int) -> kt.Oracle:
        """The oracle."""
        return self.oracle_class(
            objective=LOSS,
            max_trials=ENDLESS,
            hyperparameters=hp,
            seed=seed,
            allow_new_entries=False,
            max_consecutive_failed_trials=ENDLESS,
        )

    def ask(self, index: int) -> Suggestion | None:
        trial = self.oracle.create_trial(str(index))
        if trial.status != kt_trials.TrialStatus.RUNNING:
            return None
        values = trial.hyperparameters.values
        family = values["family"]
        params = {name: values[name] for name in self.problem.spaces[family]}
        return Suggestion(family, params, values.get("tuner/epochs"))

    def begin(self, index: int, suggestion: Suggestion) -> None:
        trial = self.oracle.create_trial(str(index))
        trial.hyperparameters.values |= {"family": suggestion.family, **suggestion.params}

    def tell(self, index: int, ended: Ended) -> None:
        trial = self.oracle.ongoing_trials[str(index)]
        trial.status = kt_trials.TrialStatus.INVALID if ended.losses is None else kt_trials.TrialStatus.COMPLETED
        if ended.losses is not None:
            self.oracle.update_trial(trial.trial_id, {"loss": ended.losses[0]})
        self.oracle.end_trial(trial)


@algorithms.register("kt-random")
class KerasTunerRandom(KerasTuner):
    """KerasTuner's random search."""

    oracle_class = kt.oracles.RandomSearchOracle


@algorithms.register("kt-bayesian")
class KerasTunerBayesian(KerasTuner):
    """KerasTuner's Bayesian optimisation: one Gaussian process over all families."""

    oracle_class = kt.oracles.BayesianOptimizationOracle


@algorithms.register("kt-hyperband", reference="Li et al. 2018, JMLR 18(185)")
class KerasTunerHyperband(KerasTuner):
    """KerasTuner's Hyperband: many trials of few epochs, the best of them again with more.

    Differs from KerasTuner: a trial that is promoted trains from its beginning, not from the weights it had.
    """

    def made(self, hp: kt.HyperParameters, seed: int) -> Any:
        return kt.oracles.HyperbandOracle(
            objective=LOSS,
            max_epochs=self.problem.epochs,
            hyperband_iterations=ENDLESS,
            hyperparameters=hp,
            seed=seed,
            allow_new_entries=False,
            max_consecutive_failed_trials=ENDLESS,
        )
