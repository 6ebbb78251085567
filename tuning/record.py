"""A trial that ended, as it stands in storage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from keraseq.config import check
from keraseq.training.outcome import Outcome


@dataclass(frozen=True)
class Record:
    """A trial that ended.

    Attributes:
        index: its place in the search, from 0.
        replicate: 0 for a trial of the search; 1, 2, … for the same settings trained again on fresh seeds.
        family: model name.
        params: what was sampled, under names such as `tcn/filters`.
        seed: of weights, shuffling and dropout.
        outcome: how it ended.
        score: best validation score in the task's metric, or None.
        parameters: weights of the model, or None if it was not built.
        epochs: that ended.
        seconds: wall time of the trial.
        first_epoch: seconds until the first epoch had ended, or None.
        memory: bytes, the peak of its process, or None.
        latency: milliseconds of a prediction of one sequence, or None where it was not measured.
        match: measure → what was reached, where models were brought to one size.
        message: why, where it did not complete.
    """

    index: int
    replicate: int
    family: str
    params: Mapping[str, Any]
    seed: int
    outcome: Outcome
    score: float | None
    parameters: int | None
    epochs: int
    seconds: float
    first_epoch: float | None
    memory: int | None
    latency: float | None
    match: Mapping[str, float]
    message: str

    @property
    def name(self) -> str:
        """Of its folder: `0007`, or `0007-2` for its second fresh seed."""
        return trial_name(self.index, self.replicate)

    def objective(self, name: str) -> float | None:
        """What it came to in one of `keraseq.tuning.plan.OBJECTIVES`."""
        value: float | None = getattr(self, name)
        return value


def trial_name(index: int, replicate: int = 0) -> str:
    """The folder of a trial."""
    return f"{index:04d}" + (f"-{replicate}" if replicate else "")


def trial_place(name: str) -> tuple[int, int]:
    """Index and replicate of a trial by its folder's name, whose zeros may be left out: `0007`, `7` or `7-2`.

    Raises:
        UsageError: it is no such name.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", name)
    check(found is not None, f"a trial is an index such as 7, or 7-2 on its second fresh seed; got {name!r}")
    assert found is not None
    return int(found[1]), int(found[2] or 0)


def record_of(trial: FrozenTrial) -> Record | None:
    """The record of an Optuna trial; None where it runs, or has to run again."""
    if not is_settled(trial):
        return None
    told = {**trial.user_attrs, **end_of(trial)}
    return Record(
        index=told["index"],
        replicate=told["replicate"],
        family=told["family"],
        params=trial.params,
        seed=told["seed"],
        outcome=Outcome(told["outcome"]),
        score=told.get("score"),
        parameters=told.get("parameters"),
        epochs=told.get("epochs") or 0,
        seconds=told.get("seconds") or 0.0,
        first_epoch=told.get("first_epoch"),
        memory=told.get("memory"),
        latency=told.get("latency"),
        match=told.get("match") or {},
        message=told.get("message", ""),
    )


def is_settled(trial: FrozenTrial) -> bool:
    """Whether a launch ended for good; one that was interrupted runs again."""
    return trial.state.is_finished() and end_of(trial).get("outcome", Outcome.INTERRUPTED) != Outcome.INTERRUPTED


def end_of(trial: FrozenTrial) -> Mapping[str, Any]:
    """All that was noted of the end of a launch; nothing where it has not ended."""
    found: Mapping[str, Any] = trial.user_attrs.get("end", {})
    return found
