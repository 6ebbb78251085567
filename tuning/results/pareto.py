"""Which trials no other is better than in everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import optuna

from keraseq.tuning.results.copies import in_memory


class Scored(Protocol):
    """What a front may be of: a record of a trial, or what else has a place, a score and objectives."""

    @property
    def index(self) -> int: ...

    @property
    def score(self) -> float | None: ...

    def objective(self, name: str) -> float | None: ...


Trial = TypeVar("Trial", bound=Scored)


def front(records: Sequence[Trial], objectives: Sequence[str], direction: str) -> list[Trial]:
    """The trials that no other trial beats in one objective without losing in another, the best score first.

    Args:
        records: trials; those without one of the objectives are left out.
        objectives: names in `keraseq.tuning.plan.OBJECTIVES`; all but `score` are to be small.
        direction: of the score, `max` or `min`.
    """
    sign = -1 if direction == "max" else 1
    study = in_memory(["minimize"] * len(objectives))
    known = []
    for record in records:
        values = {name: record.objective(name) for name in objectives}
        losses = [value * (sign if name == "score" else 1) for name, value in values.items() if value is not None]
        if len(losses) == len(objectives):
            study.add_trial(optuna.trial.create_trial(values=losses))
            known.append(record)
    chosen = [known[trial.number] for trial in study.best_trials] if known else []
    return sorted(chosen, key=lambda record: (sign * (record.score or 0.0), record.index))
