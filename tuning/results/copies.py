"""Studies in memory, of trials that stand in storage: what Optuna's own analyses take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from keraseq.training.outcome import Outcome
from keraseq.tuning.record import end_of

Direction = Literal["minimize", "maximize"]


def in_memory(directions: Sequence[Direction], name: str | None = None) -> optuna.Study:
    """A new, empty study that is stored nowhere; Optuna's note of it is left out.

    Args:
        directions: `minimize` or `maximize`, one an objective.
        name: of the study; Optuna's own where it is None.
    """
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(directions=list(directions), study_name=name)
    finally:
        optuna.logging.set_verbosity(verbosity)


def of_scores(
    trials: Iterable[FrozenTrial], direction: str, name: str, named: Callable[[str], str] = str
) -> optuna.Study:
    """A study in memory of the completed ones among some trials, whose one objective is the score.

    Args:
        trials: as they stand in storage, with what was told of them.
        direction: of the score, `max` or `min`.
        name: of the study.
        named: a setting's name → what it is called in the copy.
    """
    copy = in_memory(["maximize" if direction == "max" else "minimize"], name)
    for trial in trials:
        told = end_of(trial)
        if told.get("outcome") == Outcome.COMPLETED and told.get("score") is not None:
            copy.add_trial(
                optuna.trial.create_trial(
                    state=TrialState.COMPLETE,
                    value=told["score"],
                    params={named(setting): value for setting, value in trial.params.items()},
                    distributions={named(setting): where for setting, where in trial.distributions.items()},
                )
            )
    return copy
