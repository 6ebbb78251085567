"""What every model family must do: one small function a check."""

from __future__ import annotations

from typing import Any

from keraseq.registry import models
from keraseq.testing.models.building import (
    check_fields,
    check_learns,
    check_outputs,
    check_ranges,
    check_saving,
    check_seeds,
    check_width,
)
from keraseq.testing.models.case import FamilyCase
from keraseq.testing.models.time import (
    check_causality,
    check_decoder,
    check_directed,
    check_padding,
    check_stepping,
)
from keraseq.testing.report import Report
from keraseq.testing.suite import Check, Suite, check_entry

MODEL_TAGS = frozenset({"recurrent", "convolutional", "attention", "state_space", "baseline", "causal"})


def check_model(name: str, **settings: Any) -> Report:
    """Runs every check of `MODEL_CHECKS`.

    Args:
        name: a registered family, which is tried with the cases of its registration.
        settings: fields to try in place of those cases.

    Returns:
        How many checks ran, which were not asked for, and which are expected to fail.

    Raises:
        AssertionError: the family fails checks; the message names each.
        UsageError: unknown name.
    """
    report = MODELS.examine(name, (settings,) if settings else None)
    report.raise_failures()
    return report


def check_registration(case: FamilyCase) -> None:
    """Tags are known, and expected failures are of known checks, each with a reason."""
    check_entry(case.entry, MODEL_TAGS, MODEL_CHECKS)


MODEL_CHECKS: tuple[Check, ...] = (
    check_registration,
    check_fields,
    check_outputs,
    check_ranges,
    check_width,
    check_seeds,
    check_saving,
    check_padding,
    check_causality,
    check_directed,
    check_stepping,
    check_decoder,
    check_learns,
)

MODELS = Suite("models", models, MODEL_CHECKS, FamilyCase.registered)
