"""Families brought to one size, so that they are compared at equal cost."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from keraseq.config import check
from keraseq.models import build, count_parameters, resolve
from keraseq.models.create import check_free
from keraseq.models.width import MEASURES, solve

if TYPE_CHECKING:
    import keras

    from keraseq.models.encoder_decoder import EncoderDecoder
    from keraseq.models.family import Family
    from keraseq.tasks import Task

KINDS = tuple(MEASURES)
NOTHING: Mapping[str, Any] = MappingProxyType({})


def check_match(match: Mapping[str, float]) -> None:
    """Raises UsageError unless `match` is empty or names one known measure with a number above 0."""
    check(len(match) <= 1, f"match is one measure; got {' and '.join(match)}")
    for kind, value in match.items():
        check(kind in KINDS, f"match must be one of {', '.join(KINDS)}; got {kind!r}")
        check(value > 0, f"match {kind} must be above 0; got {value}")


def matched(
    name: str,
    task: Task,
    match: Mapping[str, float],
    config: Mapping[str, Any],
    training: Mapping[str, Any] = NOTHING,
    strategy: str = "auto",
) -> Family | EncoderDecoder:
    """The configuration of a family with its width solved for.

    Args:
        name: registered model name.
        task: from `load_task`; for parameters anything with `inputs` and `output`.
        match: measure → value wanted; empty leaves the width. `parameters` are trainable; `flops` those of one
            prediction of a sequence of the median length of train (see `count_flops`); `step-time` is milliseconds of a
            step of training on a batch (see `step_time`), and takes seconds to solve for.
        config: settings of the family, without its width where that is solved for.
        training: settings of `Training`, on which the time of a step depends.
        strategy: registered name, on which it depends too.

    Raises:
        UsageError: the width is in `config`, or the smallest model is above what is wanted.
        KeraseqError: no width comes to what is wanted.
    """
    if not match:
        return resolve(name, task, None, config)
    (kind, wanted), = match.items()  # fmt: skip
    if kind == "parameters":
        return resolve(name, task, int(wanted), config)
    model = resolve(name, task, None, config)
    check_free(name, config, kind, wanted)
    take = _takers(task, training, strategy)[kind]

    def at(width: int) -> float:
        return take(build(model.with_width(width), task.inputs, task.output))

    state = random.getstate()  # from which layers without a seed draw theirs
    try:
        title, field = type(model).__name__, getattr(model, "width", "width")
        return model.with_width(solve(at, wanted, MEASURES[kind], title=title, field=field, start=model.channels))
    finally:
        random.setstate(state)


def reached(
    model: keras.Model,
    task: Task,
    match: Mapping[str, float],
    training: Mapping[str, Any] = NOTHING,
    strategy: str = "auto",
) -> dict[str, float]:
    """What a model came to in the measure that was matched. The time of a step is measured anew."""
    return {kind: _takers(task, training, strategy)[kind](model) for kind in match}


def _takers(task: Task, training: Mapping[str, Any], strategy: str) -> dict[str, Callable[[keras.Model], float]]:
    """Measure → how it is taken of a model."""
    from keraseq.diagnostics.flops import blank, count_flops
    from keraseq.diagnostics.steps import step_time

    return {
        "parameters": count_parameters,
        "flops": lambda model: count_flops(model, blank(task, *task.length())),
        "step-time": functools.partial(step_time, task=task, strategy=strategy, **training),
    }
