"""Which settings of a family make the difference to its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from keraseq.tuning.results.copies import of_scores

LEAST = 8  # completed trials of a family from which on anything can be said


@dataclass(frozen=True)
class Importance:
    """How much each setting of a family matters.

    Attributes:
        family: model name.
        trials: completed trials that it was told from.
        shares: setting → share of the variance of the score that it explains, in [0, 1], the greatest first; None
            where nothing can be said.
        reason: why, where it is None.
    """

    family: str
    trials: int
    shares: Mapping[str, float] | None
    reason: str = ""


def importance(family: str, trials: Sequence[FrozenTrial], direction: str) -> Importance:
    """The importance of a family's settings by functional ANOVA of a random forest (Hutter et al. 2014).

    It is Optuna's fANOVA, not its default PED-ANOVA, which compares the best tenth of trials with the others: of the
    few trials that a family has in a search that would be one or two.

    Args:
        family: model name.
        trials: of that family, as they stand in storage; those that did not complete are left out.
        direction: of the score, `max` or `min`.
    """
    study = of_scores(trials, direction, family)
    completed = study.get_trials(deepcopy=False)
    count = len(completed)
    if count < LEAST:
        return Importance(family, count, None, f"{count} of its trials completed; at least {LEAST} are needed")
    common = [name for name in completed[0].params if all(name in trial.params for trial in completed)]
    if not any(len({repr(trial.params[name]) for trial in completed}) > 1 for name in common):
        return Importance(family, count, None, "none of its settings varies")
    if len({trial.value for trial in completed}) == 1:
        return Importance(family, count, None, f"all of its trials scored {completed[0].value:.4g}")
    try:
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    except RuntimeError as error:  # of a forest in which nothing tells the scores apart
        return Importance(family, count, None, str(error))
    if not shares:  # a hypermodel's may each have several ranges
        return Importance(family, count, None, "none of its settings has one range in all trials")
    return Importance(family, count, {name: float(share) for name, share in shares.items()})
