"""Scores to hold one's own against, as data beside a task."""

from __future__ import annotations

from dataclasses import dataclass

MEASURED = "measured, one run: docs/tasks.md"


@dataclass(frozen=True)
class Baseline:
    """What a model scores on test, as published or measured.

    Attributes:
        name: of the model.
        metric: as the task calls it, or one of its scores.
        value: in the unit of that metric: accuracy in [0, 1], BLEU in [0, 100].
        source: paper and table, or where it was measured.
        setting: which settings of the task, or size of the model, it holds for; empty for the defaults.
    """

    name: str
    metric: str
    value: float
    source: str
    setting: str = ""


def bai_2018(metric: str, setting: str, **values: float) -> tuple[Baseline, ...]:
    """A row of the table that compares recurrent networks and the TCN at one size: model → value."""
    source = "Bai et al. 2018, arXiv:1803.01271, table 1"
    return tuple(Baseline(name, metric, value, source, setting) for name, value in values.items())
