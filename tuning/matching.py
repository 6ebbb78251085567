"""Families brought to one size, so that they are compared at equal cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keraseq.config import check
from keraseq.models import count_parameters, resolve

if TYPE_CHECKING:
    import keras

    from keraseq.models.create import Asks
    from keraseq.models.encoder_decoder import EncoderDecoder
    from keraseq.models.family import Family

KINDS = ("parameters",)


def check_match(match: Mapping[str, float]) -> None:
    """Raises UsageError unless `match` is empty or names one known measure with a number above 0."""
    check(len(match) <= 1, f"match is one measure; got {' and '.join(match)}")
    for kind, value in match.items():
        check(kind in KINDS, f"match must be one of {', '.join(KINDS)}; got {kind!r}")
        check(value > 0, f"match {kind} must be above 0; got {value}")


def matched(name: str, task: Asks, match: Mapping[str, float], config: Mapping[str, Any]) -> Family | EncoderDecoder:
    """The configuration of a family with its width solved for.

    Args:
        name: registered model name.
        task: anything with `inputs` and `output`.
        match: measure → value wanted; empty leaves the width.
        config: settings of the family, without its width where that is solved for.
    """
    return resolve(name, task, int(match["parameters"]) if match else None, config)


def reached(model: keras.Model, task: Asks, match: Mapping[str, float]) -> dict[str, float]:
    """What a model came to in the measure that was matched."""
    return {"parameters": count_parameters(model)} if match else {}
