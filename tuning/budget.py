"""How much may be spent, and how much is left."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import psutil

from keraseq.tuning.record import Record
from keraseq.tuning.study import Study

TEST_SHARE = 0.1  # of a time budget, kept for scoring the winners on test
FINALS_SHARE = 0.25  # and for training them again on fresh seeds, where that is asked for
DEFAULT_TRIALS = 4  # a share, where nobody says how many


@dataclass(frozen=True)
class Budget:
    """How much may be spent.

    Attributes:
        trials: that end, or None for as many as the time allows.
        seconds: of the whole search, or None.
        trial_seconds: of one trial, which is then scored as it stands; None for an equal share of the time.
        memory: bytes of resident memory of a child; None leaves it to the machine.
    """

    trials: int | None
    seconds: float | None
    trial_seconds: float | None
    memory: int | None


class Clock:
    """The time of one study: what was spent on it, by this call and those before it, and what is left.

    Args:
        study: where the time of earlier calls stands.
        budget: how much may be spent.
        workers: trials at once.
        began: `time.monotonic()` at which this call began.
        first_rung: epochs that any trial must have time for.
    """

    def __init__(self, study: Study, budget: Budget, workers: int, began: float, first_rung: int):
        self.budget = budget
        self.workers = workers
        self.first_rung = first_rung
        self._plan = study.plan
        self._began = began
        self._before: float = study.elapsed()

    @property
    def elapsed(self) -> float:
        """Seconds spent on this study."""
        return self._before + time.monotonic() - self._began

    def left(self, finals: bool = False) -> float:
        """Seconds left for the trials of the search, or also for the finals."""
        if self.budget.seconds is None:
            return math.inf
        kept = TEST_SHARE + (FINALS_SHARE if self._plan.seeds and not finals else 0.0)
        return self.budget.seconds * (1 - kept) - self.elapsed

    def limit(self, waiting: int, finals: bool = False) -> float | None:
        """Seconds that the next trial may take: an equal share of what is left, or what was asked for.

        Args:
            waiting: trials that share what is left, the next one included.
            finals: whether they are runs of finalists.
        """
        limits = [self.budget.trial_seconds] if self.budget.trial_seconds else []
        if self.budget.seconds is not None:
            limits.append(max(1.0, self.left(finals) / math.ceil(waiting / self.workers)))
        return min(limits, default=None)

    def allows(self, records: Iterable[Record]) -> bool:
        """Whether a trial that takes as long as these did has time for its first rung."""
        return self.left() > float(np.median([self._to_first_rung(r) for r in records] or [0.0]))

    def _to_first_rung(self, record: Record) -> float:
        if record.epochs < 2 or record.first_epoch is None:
            return record.seconds
        each = (record.seconds - record.first_epoch) / (record.epochs - 1)
        return record.first_epoch + (min(self.first_rung, record.epochs) - 1) * each


def default_memory(workers: int) -> int:
    """Bytes that a child may take: nine tenths of what is free, shared by the children."""
    return int(psutil.virtual_memory().available * 0.9 / workers)
