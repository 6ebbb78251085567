"""What a study searches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OBJECTIVES = {
    "score": "the task's metric on validation",
    "parameters": "trainable parameters",
    "latency": "milliseconds of a prediction of one sequence",
    "memory": "bytes, the peak of the trial's process",
    "seconds": "of training",
}

EQUAL = ("trials", "time")


@dataclass(frozen=True)
class Plan:
    """What is searched; the same plan goes on with the same study.

    Attributes:
        task: name, settings and data directory, as plain data.
        models: family → its share of the budget, relative to the others.
        algorithm: registered name.
        seed: of sampling and of every trial.
        objectives: names in `OBJECTIVES`; the first is `score`, the others are to be small.
        pruning: name in `keraseq.tuning.pruning.PRUNERS`.
        fidelity: what early epochs see, in `keraseq.tuning.fidelity.FIDELITIES`.
        equal: what shares are counted in, `trials` or `time`.
        match: measure that every model is brought to, or empty.
        max_parameters: a larger model is refused, or None.
        ranges: setting → range in place of its own, as plain data.
        fixed: setting → value, of families and of the task.
        training: fixed settings of `Training`.
        queue: what is tried first, as plain data.
        strategy: registered name.
        halve_batch: whether a trial that runs out of memory is tried once more with half the batch.
        seeds: fresh seeds on which finalists are trained again.
        finalists: families whose best is trained again.
    """

    task: Mapping[str, Any]
    models: Mapping[str, int]
    algorithm: str
    seed: int
    objectives: Sequence[str] = ("score",)
    pruning: str = "none"
    fidelity: str = "epochs"
    equal: str = "trials"
    match: Mapping[str, float] = field(default_factory=dict)
    max_parameters: int | None = None
    ranges: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    queue: Sequence[Mapping[str, Any]] = ()
    strategy: str = "auto"
    halve_batch: bool = False
    seeds: int = 0
    finalists: int = 2

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return json.loads(json.dumps(vars(self)))

    @property
    def fronted(self) -> tuple[str, ...]:
        """What the Pareto front is of: the objectives, or score and parameters where the score is the only one."""
        return tuple(self.objectives) if len(self.objectives) > 1 else ("score", "parameters")

    @property
    def name(self) -> str:
        """A folder name that the same plan always gets."""
        text = json.dumps({**self.to_json(), "models": list(self.models.items())}, sort_keys=True)
        return f"{str(self.task['name']).replace('/', '-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
