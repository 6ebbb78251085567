"""What every search algorithm is: asked for settings, told how they did. It neither runs, prints nor stores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution

Space = Mapping[str, BaseDistribution]


@dataclass(frozen=True)
class Suggestion:
    """What to try next.

    Attributes:
        family: model name.
        params: values under the names of the family's space.
        epochs: most epochs of this trial; None leaves it to the search.
    """

    family: str
    params: Mapping[str, Any]
    epochs: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    Attributes:
        losses: one number an objective, smaller is better; None where it ended without a score.
        seconds: wall time.
        pruned: epochs after which it was stopped as not worth more; None where it ran to its end.
    """

    losses: tuple[float, ...] | None
    seconds: float = 0.0
    pruned: int | None = None


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Attributes:
        spaces: family → its space.
        seed: of all suggestions; 0 is a seed.
        shares: family → its share of the budget, relative to the others; 1 where it is not named.
        queue: what to try first, in this order.
        objectives: how many losses a trial has.
        epochs: most epochs of a trial.
        equal: what shares are counted in, `trials` or `time`.
    """

    spaces: Mapping[str, Space]
    seed: int
    shares: Mapping[str, float] = field(default_factory=dict)
    queue: tuple[Suggestion, ...] = ()
    objectives: int = 1
    epochs: int = 1
    equal: str = "trials"


class Algorithm(ABC):
    """Asked and told. The same problem, told the same in the same order, is answered the same.

    Args:
        problem: what is searched.

    Raises:
        UsageError: it cannot search this space.
    """

    def __init__(self, problem: Problem):
        self.problem = problem

    @abstractmethod
    def ask(self, index: int) -> Suggestion | None:
        """What trial `index` shall try; None where nothing new is left to try, or not before a running trial ends."""

    @abstractmethod
    def begin(self, index: int, suggestion: Suggestion) -> None:
        """Trial `index` has begun without having been asked for: it was queued, or belongs to an earlier session."""

    @abstractmethod
    def tell(self, index: int, ended: Ended) -> None:
        """Trial `index` has ended."""


def spread(*seeds: int) -> int:
    """A seed from several; those of neighbours lie far apart."""
    return int(np.random.SeedSequence(seeds).generate_state(1)[0])
