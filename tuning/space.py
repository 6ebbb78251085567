"""A family's ranges as a search space: Optuna samples it, `kt.HyperParameters` declares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.config import Choice, Field, Float, Int, Range, fields
from keraseq.models import Output, without_effect
from keraseq.registry import models
from keraseq.training.settings import Training

if TYPE_CHECKING:
    import keras_tuner

Space = dict[str, BaseDistribution]


def distribution(where: Range) -> BaseDistribution:
    """The Optuna distribution of a range."""
    match where:
        case Int(low, high, step, log):
            return IntDistribution(low, high, log=log, step=1 if log else step)
        case Float(low, high, log):
            return FloatDistribution(low, high, log=log)
        case Choice(values):
            return CategoricalDistribution(values)


def searched(family: str, output: Output, parameters: int | None) -> dict[str, Field]:
    """Fields of a family that are searched, under names such as `tcn/filters`.

    Args:
        family: registered model name.
        output: of the task; what has no effect on it is not searched.
        parameters: where a size is asked for, the width is solved for and not searched.
    """
    cls = models.get(family)
    left_out = {*without_effect(family, output), *([cls.width] if parameters else [])}
    return {
        f"{family}/{field.name}": field
        for field in fields(cls)
        if field.range is not None and field.name not in left_out
    }


def searched_training(fixed: Mapping[str, Any]) -> dict[str, Field]:
    """Training settings that are searched: those with a range that the user has not fixed."""
    return {f.name: f for f in fields(Training) if f.range is not None and f.name not in fixed}


def space(named: Mapping[str, Field]) -> Space:
    """Optuna's view of some fields."""
    return {name: distribution(field.range) for name, field in named.items() if field.range is not None}


def defaults(named: Mapping[str, Field]) -> dict[str, Any]:
    """The default of each field: the first settings that a search tries."""
    return {name: field.default for name, field in named.items()}


def declare(hp: keras_tuner.HyperParameters, named: Mapping[str, Field]) -> dict[str, Any]:
    """Declares the fields to KerasTuner and returns the values that it gives; None where a scope is inactive."""
    return {name: _declare(hp, name, field) for name, field in named.items()}


def _declare(hp: keras_tuner.HyperParameters, name: str, field: Field) -> Any:
    match field.range:
        case Int(low, high, step, log):
            how = {"sampling": "log"} if log else {"step": step}
            return hp.Int(name, low, high, default=field.default, **how)
        case Float(low, high, log):
            return hp.Float(name, low, high, sampling="log" if log else "linear", default=field.default)
        case Choice((False, True)):
            return hp.Boolean(name, default=field.default)
        case Choice(values):
            return hp.Choice(name, list(values), default=field.default)
    return hp.Fixed(name, field.default)


def split(params: Mapping[str, Any], family: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sampled values as (settings of the family, settings of training)."""
    prefix = f"{family}/"
    config = {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}
    return config, {name: value for name, value in params.items() if "/" not in name}


def suggest(
    algorithm: Callable[[int], optuna.samplers.BaseSampler],
    where: Space,
    history: Sequence[optuna.trial.FrozenTrial],
    direction: optuna.study.StudyDirection,
    seed: int,
) -> dict[str, Any]:
    """New values for one family, from the trials of that family alone.

    One sampler over all families locks onto one of them, so each family is a study of its own to the algorithm.

    Args:
        algorithm: makes the sampler from a seed.
        where: the family's space.
        history: trials to learn from; those that ended without a score, or over another space, are left out.
        direction: of the score.
        seed: of this suggestion.
    """
    study = optuna.create_study(direction=direction, sampler=algorithm(seed))
    for trial in history:
        if trial.value is not None and np.isfinite(trial.value) and trial.distributions.keys() == where.keys():
            study.add_trial(
                optuna.trial.create_trial(params=trial.params, distributions=dict(where), value=trial.value)
            )
    return study.ask(where).params
