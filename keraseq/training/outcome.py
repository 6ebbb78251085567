"""How a training run or a trial ended."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """One word for each way to end, so that a failure is a result and not a stack trace."""

    COMPLETED = "completed"
    PRUNED = "pruned"
    DIVERGED = "diverged"  # the loss became NaN or infinite
    OUT_OF_MEMORY = "out of memory"
    TOO_LARGE = "too large"  # refused before training
    TIMED_OUT = "timed out"
    FAILED = "failed"  # an exception, with its traceback
    KILLED = "killed"  # the process died by a signal or without a word
    INTERRUPTED = "interrupted"
    PREEMPTED = "preempted"  # told to stop by SIGTERM, with its state saved
