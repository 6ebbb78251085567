"""`kt.HyperParameters` whose values come from whoever is asked: any `kt.HyperModel` becomes define-by-run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras_tuner as kt
from keras_tuner.engine import hyperparameters as kinds
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.errors import UsageError

Ask = Callable[[str, BaseDistribution], Any]


class AskingHyperParameters(kt.HyperParameters):
    """Hyperparameters that ask for each active value when the model first declares it.

    Args:
        ask: called once for each active hyperparameter with its full name and its range; gives the value. In a child
            process of a search it asks the coordinator's Optuna trial through the pipe.

    Inactive hyperparameters (their parent has another value) are never asked for and give None, as in KerasTuner.
    """

    def __init__(self, ask: Ask):
        super().__init__()
        self._ask = ask

    # The one place through which Choice, Int, Float, Boolean and Fixed all declare a new hyperparameter.
    def _register(self, hyperparameter: Any, overwrite: bool = False) -> Any:
        if self.is_active(hyperparameter) and hyperparameter.name not in self.values:
            self.values[hyperparameter.name] = self._value(hyperparameter)
        return super()._register(hyperparameter, overwrite)

    def _value(self, hp: Any) -> Any:
        if isinstance(hp, kinds.Fixed):
            return hp.value
        value = self._ask(hp.name, distribution(hp))
        return hp.prob_to_value(value) if getattr(hp, "sampling", None) == "reverse_log" else value


def distribution(hp: Any) -> BaseDistribution:
    """The Optuna distribution of a KerasTuner hyperparameter.

    A step in logarithmic sampling becomes a choice of its values. `reverse_log`, which Optuna lacks, becomes the unit
    interval, which the hyperparameter maps to its own values.
    """
    if isinstance(hp, kinds.Boolean):
        return CategoricalDistribution((False, True))
    if isinstance(hp, kinds.Choice):
        return CategoricalDistribution(tuple(hp.values))
    if not isinstance(hp, kinds.Int | kinds.Float):
        raise UsageError(
            f"hyperparameter {hp.name!r} is a {type(hp).__name__}; known: Choice, Int, Float, Boolean, Fixed"
        )
    if hp.sampling == "reverse_log":
        return FloatDistribution(0.0, 1.0)
    if hp.sampling == "log" and hp.step is not None:
        return CategoricalDistribution(tuple(hp.values))
    if isinstance(hp, kinds.Int):
        return IntDistribution(hp.min_value, hp.max_value, log=hp.sampling == "log", step=hp.step or 1)
    return FloatDistribution(hp.min_value, hp.max_value, log=hp.sampling == "log", step=hp.step)
