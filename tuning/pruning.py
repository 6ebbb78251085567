"""Stopping trials early that are not worth more epochs: each is held against the trials of its own family."""

from __future__ import annotations

from collections.abc import Callable

import optuna
from optuna.trial import Trial, TrialState

from keraseq.config import check

REDUCTION = 3  # a rung has three times the epochs of the one below, and a third of its trials


def first_rung(kind: str, epochs: int) -> int:
    """Epochs after which a trial of at most `epochs` may first be stopped; what any trial must have time for."""
    return 1 if kind == "none" else max(1, round(epochs / REDUCTION**2))


def _asha(epochs: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.SuccessiveHalvingPruner(first_rung("asha", epochs), REDUCTION)


def _hyperband(epochs: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.HyperbandPruner(first_rung("hyperband", epochs), epochs, REDUCTION)


def _median(epochs: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=first_rung("median", epochs))


PRUNERS: dict[str, Callable[[int], optuna.pruners.BasePruner]] = {
    "asha": _asha,  # Li et al. 2020, arXiv:1810.05934, without promotion of what was stopped
    "hyperband": _hyperband,  # Li et al. 2018, JMLR 18(185)
    "median": _median,  # Golovin et al. 2017, KDD, section 3.2: worse than the median of five others
    "none": lambda epochs: optuna.pruners.NopPruner(),
}


class Pruning:
    """Is told of every epoch and answers whether the trial shall stop. It writes nothing.

    Trials are compared within their family alone: some families start slowly and end well.

    Args:
        kind: a name in `PRUNERS`.
        epochs: most epochs of a trial.
    """

    def __init__(self, kind: str, epochs: int):
        check(kind in PRUNERS, f"pruning must be one of {', '.join(PRUNERS)}; got {kind!r}")
        self._pruner = PRUNERS[kind](epochs)
        self._studies: dict[str, optuna.Study] = {}
        self._trials: dict[int, tuple[optuna.Study, Trial]] = {}
        self._losses: dict[int, float] = {}  # of the last epoch
        self._reached: dict[int, int] = {}  # the last epoch

    def begin(self, index: int, family: str) -> None:
        """Trial `index` has begun."""
        if family not in self._studies:
            sampler = optuna.samplers.RandomSampler(seed=0)  # samples nothing
            self._studies[family] = optuna.create_study(study_name=family, sampler=sampler, pruner=self._pruner)
        self._trials[index] = self._studies[family], self._studies[family].ask()

    def report(self, index: int, epoch: int, loss: float) -> bool:
        """An epoch of it has ended with this loss, smaller is better; whether it shall stop.

        One that was lost and runs again is not judged anew by the epochs that are known.
        """
        _, trial = self._trials[index]
        self._losses[index] = loss
        if epoch <= self._reached.get(index, 0):
            return False
        self._reached[index] = epoch
        trial.report(loss, epoch)
        return trial.should_prune()

    def end(self, index: int, pruned: bool) -> None:
        """Trial `index` has ended."""
        study, trial = self._trials.pop(index)
        loss = self._losses.pop(index, None)
        self._reached.pop(index, None)
        state = TrialState.FAIL if loss is None else TrialState.PRUNED if pruned else TrialState.COMPLETE
        study.tell(trial, loss if state is TrialState.COMPLETE else None, state=state)
