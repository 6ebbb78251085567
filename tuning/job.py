"""What a child is asked to do, as a value that travels to it and is written beside its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TaskReference:
    """A task by name, so that a child can load it.

    Attributes:
        name: registered or TFDS name.
        settings: its settings, as plain data.
        data_dir: TFDS data directory, or None for TFDS's default.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    data_dir: str | None = None


@dataclass(frozen=True)
class Job:
    """One trial: what to build, on what, how long.

    Attributes:
        task: what to train on.
        family: registered model name, or the name of a hypermodel.
        config: settings of the family.
        training: settings of `Training`.
        match: what the width is solved for, such as `{"parameters": 70_000}`; empty leaves it.
        max_parameters: a larger model is refused; None refuses none.
        strategy: registered name.
        seed: of weights, shuffling and dropout.
        folder: where history, best weights and card go.
        fidelity: what early epochs see: `epochs`, `data` or `length`.
        latency: whether the time of a prediction is measured.
        tensorboard: whether scalars for TensorBoard are written to the folder.
        width: what was solved for when the same settings ran before, so that fresh seeds train the same model; None
            solves for it.
    """

    task: TaskReference
    family: str
    config: Mapping[str, Any]
    training: Mapping[str, Any]
    match: Mapping[str, float]
    max_parameters: int | None
    strategy: str
    seed: int
    folder: str
    fidelity: str = "epochs"
    latency: bool = False
    tensorboard: bool = False
    width: int | None = None
