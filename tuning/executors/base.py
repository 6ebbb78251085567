"""What an executor is to the coordinator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from keraseq.training.outcome import Outcome

TICK = 0.1  # seconds between two looks at the memory of a job
Message = tuple[str, dict[str, Any]]


class Handle(Protocol):
    """A job that runs.

    Attributes:
        seconds: since it began to run; 0 where it still waits for its place.
    """

    @property
    def seconds(self) -> float: ...

    def hear(self) -> Message:
        """What it said next, `(kind, facts)`; `("end", facts)` once and last, also of one that died without a word."""

    def tell(self, kind: str, value: Any) -> None:
        """Answers it, or tells it to stop; nothing happens where it has ended."""

    def exceeds_memory(self) -> bool:
        """Whether it has taken more than it may."""

    def kill(self, outcome: Outcome) -> None:
        """Kills it; its end will have this outcome."""

    def close(self) -> None:
        """Frees what it held; it is killed where it still runs."""


class Executor(Protocol):
    """Runs jobs, functions of `keraseq.tuning.child`, several at once.

    Attributes:
        workers: most jobs at once.
    """

    workers: int

    def start(self, work: str, *args: Any, memory: int | None = None) -> Handle:
        """Starts `keraseq.tuning.child.<work>(connection, *args)`, or `work` as `"package.module:function"`.

        `memory` is the most bytes that it may take.
        """

    def ready(self, handles: Sequence[Handle], timeout: float) -> Sequence[Handle]:
        """Those that have something to say, as soon as one has; none after `timeout` seconds."""

    def close(self) -> None:
        """Ends the executor and what still runs."""


def call(executor: Executor, work: str, *args: Any, memory: int | None = None) -> dict[str, Any]:
    """Runs a job to its end and gives the facts of it; above `memory` bytes it is killed."""
    handle = executor.start(work, *args, memory=memory)
    try:
        while True:
            while not executor.ready([handle], TICK):
                if handle.exceeds_memory():
                    handle.kill(Outcome.OUT_OF_MEMORY)
            kind, facts = handle.hear()
            if kind == "end":
                return facts
    finally:
        handle.close()


def killed(outcome: Outcome, memory: int | None, seconds: float) -> dict[str, Any]:
    """The facts of a job that was killed on purpose; `memory` is what it was allowed."""
    limit = f"{(memory or 0) / 2**30:.1f} GiB of memory"
    why = {Outcome.TIMED_OUT: "it did not stop when its time was up", Outcome.OUT_OF_MEMORY: f"above {limit}"}
    return {"outcome": outcome, "message": why.get(outcome, ""), "seconds": seconds}
