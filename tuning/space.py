"""A family's ranges as a search space: Optuna samples it, `kt.HyperParameters` declares it."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.config import Choice, Field, Float, Int, Range, fields
from keraseq.models import Output, without_effect
from keraseq.registry import models
from keraseq.training.settings import Training
from keraseq.tuning.algorithms.base import Space
from keraseq.tuning.ranges import from_json, nearest

if TYPE_CHECKING:
    import keras_tuner


def distribution(where: Range) -> BaseDistribution:
    """The Optuna distribution of a range."""
    match where:
        case Int(low, high, step, log):
            return IntDistribution(low, high, log=log, step=1 if log else step)
        case Float(low, high, log):
            return FloatDistribution(low, high, log=log)
        case Choice(values):
            return CategoricalDistribution(values)


def searched(
    family: str,
    output: Output,
    *,
    solved: bool = False,
    fixed: Container[str] = (),
    ranges: Mapping[str, Any] = MappingProxyType({}),
    task: type | None = None,
) -> dict[str, Field]:
    """The settings that are searched in a family: `tcn/filters`, `learning_rate`, `task.batch_size`.

    They are those of the family and of training with a range of their own, and all that `ranges` names.

    Args:
        family: registered model name.
        output: of the task; what has no effect on it is not searched.
        solved: whether the width is solved for.
        fixed: names that are not searched.
        ranges: name → another range, as plain data.
        task: configuration class of the task, where its settings may be searched.
    """
    cls = models.get(family)
    left_out = {*without_effect(family, output), *([cls.width] if solved else [])}
    known = {f"{family}/{field.name}": field for field in fields(cls) if field.name not in left_out}
    known |= {field.name: field for field in fields(Training)}
    known |= {name: field for field in (fields(task) if task else ()) if (name := f"task.{field.name}") in ranges}
    found = {}
    for name, field in known.items():
        where = from_json(ranges[name], field) if name in ranges else field.range
        if where is not None and name not in fixed:
            found[name] = dataclasses.replace(field, range=where, default=nearest(field.default, where))
    return found


def space(named: Mapping[str, Field]) -> Space:
    """Optuna's view of some fields."""
    return {name: distribution(field.range) for name, field in named.items() if field.range is not None}


def defaults(named: Mapping[str, Field]) -> dict[str, Any]:
    """The default of each field: the first settings that a search tries."""
    return {name: field.default for name, field in named.items()}


def declare(
    hp: keras_tuner.HyperParameters, where: Space, defaults: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Declares a space to KerasTuner and returns the values that it gives; None where a scope is inactive."""
    return {name: _declare(hp, name, given, defaults.get(name)) for name, given in where.items()}


def declare_families(
    hp: keras_tuner.HyperParameters,
    spaces: Mapping[str, Space],
    defaults: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> tuple[str, dict[str, Any]]:
    """Declares a choice `family`, and the settings of each where it is chosen; gives the choice and its values.

    Args:
        hp: takes the declarations.
        spaces: family → its space; what it shares with others has no `/` in its name.
        defaults: family → its defaults.
    """
    chosen = hp.Choice("family", list(spaces))
    found: dict[str, dict[str, Any]] = {}
    for family, where in spaces.items():
        given = defaults.get(family, {})
        found[family] = declare(hp, {name: one for name, one in where.items() if "/" not in name}, given)
        with hp.conditional_scope("family", [family]):
            found[family] |= declare(hp, {name: one for name, one in where.items() if "/" in name}, given)
    return chosen, found[chosen]


def _declare(hp: keras_tuner.HyperParameters, name: str, where: BaseDistribution, default: Any) -> Any:
    match where:
        case IntDistribution(low=low, high=high, step=step, log=log):
            how = {"sampling": "log"} if log else {"step": step}
            return hp.Int(name, low, high, default=default, **how)
        case FloatDistribution(low=low, high=high, log=log):
            return hp.Float(name, low, high, sampling="log" if log else "linear", default=default)
        case CategoricalDistribution(choices=(False, True)):
            return hp.Boolean(name, default=bool(default))
        case CategoricalDistribution(choices=choices):
            return hp.Choice(name, list(choices), default=default)
    raise TypeError(f"no way to declare {where}")


def split(params: Mapping[str, Any], family: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Values by name as (settings of the family, of training, of the task)."""
    own, task = f"{family}/", "task."
    config = {name.removeprefix(own): value for name, value in params.items() if name.startswith(own)}
    training = {name: value for name, value in params.items() if "/" not in name and not name.startswith(task)}
    return config, training, {n.removeprefix(task): value for n, value in params.items() if n.startswith(task)}
