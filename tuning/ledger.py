"""What the coordinator writes: launches and ends of trials, in Optuna's storage, each step before the next begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from keraseq.training.outcome import Outcome
from keraseq.tuning.algorithms.base import Ended, Space, Suggestion
from keraseq.tuning.record import end_of, is_settled, record_of
from keraseq.tuning.study import Study, readable

LAUNCHES = 2  # of one trial at most, where it went down without saying why


class Ledger:
    """The trials of one study, as they begin and end.

    Args:
        study: locked by the caller.
    """

    def __init__(self, study: Study):
        self.study = study
        maximised = study.task["direction"] == "max"
        self._sign = -1.0 if maximised else 1.0

    def release(self) -> None:
        """Ends what a dead coordinator left running; what it had noted the end of, in that end."""
        for trial in self.study.trials():
            if trial.state is TrialState.RUNNING:
                left = Trial(self.study.optuna, trial._trial_id)
                if noted := end_of(trial):
                    self._conclude(left, noted)
                else:
                    self.end(left, {"outcome": Outcome.KILLED, "message": "its search was killed while it ran"})

    def begin(self, suggestion: Suggestion, space: Space, told: Mapping[str, Any]) -> Trial:
        """Notes a launch, with all that is told of it, before anything runs."""
        given = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(suggestion.params),
            distributions=dict(space),
            user_attrs={"family": suggestion.family, "epochs_allowed": suggestion.epochs, **told},
        )
        with readable(self.study.path):
            storage = self.study.optuna._storage
            return Trial(self.study.optuna, storage.create_new_trial(self.study.optuna._study_id, template_trial=given))

    def report(self, trial: Trial, epoch: int, score: float) -> None:
        """Notes the score of an epoch; Optuna keeps them for one objective alone."""
        if len(self.study.plan.objectives) == 1:
            with readable(self.study.path):
                trial.report(score, epoch)

    def end(self, trial: Trial, facts: Mapping[str, Any], elapsed: float = 0.0) -> None:
        """Notes an end: first all that is known of it, then the state that makes it final.

        One that went down without saying why, or for want of memory, may be interrupted instead, to run again.

        Args:
            trial: from `begin`.
            facts: fields of `Record`, and whatever else is known.
            elapsed: seconds spent on the study so far.
        """
        facts = {**facts, **self._second_chance(trial, facts), "elapsed": elapsed}
        with readable(self.study.path):
            trial.set_user_attr("end", facts)
        self._conclude(trial, facts)

    def _conclude(self, trial: Trial, facts: Mapping[str, Any]) -> None:
        """Makes an end final."""
        with readable(self.study.path):
            values = [facts.get(objective) for objective in self.study.plan.objectives]
            finite = [float(value) for value in values if value is not None and math.isfinite(value)]
            if len(finite) < len(values):
                self.study.optuna.tell(trial, state=TrialState.FAIL)
            elif facts["outcome"] == Outcome.PRUNED and len(values) == 1:
                self.study.optuna.tell(trial, state=TrialState.PRUNED)
            else:
                self.study.optuna.tell(trial, finite)

    def _second_chance(self, trial: Trial, facts: Mapping[str, Any]) -> dict[str, Any]:
        told = trial.user_attrs
        if facts["outcome"] == Outcome.OUT_OF_MEMORY and self.study.plan.halve_batch and not told.get("halved"):
            return {"outcome": Outcome.INTERRUPTED, "halve": True}
        if facts["outcome"] != Outcome.KILLED:
            return {}
        attempts = self.study.attempts().get((told.get("index", -1), told.get("replicate", 0)), [])
        earlier = [attempt for attempt in attempts if attempt.number != trial.number]
        times = 1 + sum(end_of(attempt).get("lost", False) for attempt in earlier)
        if times < LAUNCHES:
            return {"outcome": Outcome.INTERRUPTED, "lost": True}
        return {"lost": True, "score": None, "message": f"{facts['message']}, {times} times"}

    def ended(self, trial: FrozenTrial) -> Ended:
        """What an algorithm is told of a trial that ended."""
        record = record_of(trial)
        assert record is not None
        values = [record.objective(objective) for objective in self.study.plan.objectives]
        losses = [self.loss(value) if not place else value for place, value in enumerate(values) if value is not None]
        return Ended(
            losses=tuple(losses) if len(losses) == len(values) else None,
            seconds=record.seconds,
            pruned=record.epochs if record.outcome is Outcome.PRUNED else None,
        )

    def loss(self, score: float) -> float:
        """A score as something to be small."""
        return self._sign * score

    def history(self) -> Sequence[tuple[FrozenTrial, bool]]:
        """Beginnings and ends of the trials of the search that ended, in the order in which they happened.

        Each is `(trial, whether it is the end)`.
        """
        settled = [t for t in self.study.trials() if not t.user_attrs.get("replicate", 0) and is_settled(t)]
        events = [(trial.datetime_start, False, trial.number, trial) for trial in settled]
        events += [(trial.datetime_complete, True, trial.number, trial) for trial in settled]
        return [(trial, end) for _, end, _, trial in sorted(events, key=lambda event: event[:3])]
