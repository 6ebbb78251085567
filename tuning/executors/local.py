"""Children on this machine: one process a job, forked from a server that has TensorFlow loaded already."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from keraseq.environment import environment
from keraseq.errors import UsageError
from keraseq.machine import cores
from keraseq.training.outcome import Outcome
from keraseq.tuning.executors.base import Executor, Handle, Message, killed

# Fork is only clean while the server has one thread, so libraries must not start their pools when it imports them.
_SERVER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


# What children run, and what the scripts import that they import again: loaded once, in the server.
_PRELOADED = ["keraseq.tuning.child", "keraseq.tuning.search", "keraseq.cli"]


@dataclass(frozen=True)
class Share:
    """What of the machine a child may use.

    Attributes:
        threads: of the CPU.
        place: of the child among `of`; it takes every `of`-th GPU from this one on.
    """

    threads: int
    place: int
    of: int


class Local(Executor):
    """Children of this process, `workers` at once; cores and GPUs are divided among them.

    Args:
        workers: most children at once.
        threads: of the CPU for each; None divides the cores.

    Raises:
        UsageError: made while a child imports the caller's script, which therefore lacks its main guard.
    """

    def __init__(self, workers: int, threads: int | None = None):
        if multiprocessing.parent_process() is not None:
            raise UsageError(
                "this was started in one of its own children; put the call under if __name__ == '__main__':"
            )
        self.workers = workers
        self.threads = threads or max(1, cores() // workers)
        self._free = list(reversed(range(workers)))
        self._leaving: list[BaseProcess] = []
        multiprocessing.get_context("forkserver").set_forkserver_preload(_PRELOADED)
        with environment(_SERVER_ENVIRONMENT):
            multiprocessing.forkserver.ensure_running()

    def start(self, work: str, *args: Any, memory: int | None = None) -> Child:
        _bury(self._leaving, block=False)
        place = self._free.pop()
        share = Share(self.threads, place, self.workers)
        return Child(self._free, self._leaving, share, work, *args, memory=memory)

    def ready(self, handles: Sequence[Handle], timeout: float) -> list[Handle]:
        heard = wait([handle.connection for handle in handles if isinstance(handle, Child)], timeout)
        return [handle for handle in handles if isinstance(handle, Child) and handle.connection in heard]

    def close(self) -> None:
        _bury(self._leaving, block=True)


class Child(Handle):
    """A running job.

    Args:
        free: places that wait for a child; its own goes back there.
        leaving: processes that are over but take a while to leave; its own goes there.
        share: of the machine.
        work: name of a function of `keraseq.tuning.child`.
        args: its arguments after the connection.
        memory: bytes of resident memory above which it exceeds it; None never.

    Attributes:
        connection: where it sends `(kind, facts)`.
        started: `time.monotonic()` of its launch.
    """

    def __init__(
        self,
        free: list[int],
        leaving: list[BaseProcess],
        share: Share,
        work: str,
        *args: Any,
        memory: int | None = None,
    ):
        context = multiprocessing.get_context("forkserver")
        self.connection, theirs = context.Pipe()
        self.memory = memory
        self.started = time.monotonic()
        self._free, self._leaving, self._share = free, leaving, share
        self._killed_for: Outcome | None = None
        self.process = context.Process(target=_run, args=(share, work, theirs, *args), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def hear(self) -> Message:
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return "end", self._died()

    def tell(self, kind: str, value: Any) -> None:
        with contextlib.suppress(OSError):  # it has just ended by itself; its end will tell how
            self.connection.send((kind, value))

    def kill(self, outcome: Outcome) -> None:
        self._killed_for = outcome
        self.process.kill()

    def exceeds_memory(self) -> bool:
        if self.memory is None or self.process.pid is None:
            return False
        try:
            return bool(psutil.Process(self.process.pid).memory_info().rss > self.memory)
        except psutil.NoSuchProcess:
            return False

    def _died(self) -> dict[str, Any]:
        self.process.join()
        code = self.process.exitcode or 0
        if self._killed_for is not None:
            return killed(self._killed_for, self.memory, self.seconds)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code} without a result"
        return {"outcome": Outcome.KILLED, "message": how, "seconds": self.seconds}

    def close(self) -> None:
        self.process.kill()
        self._leaving.append(self.process)
        self.connection.close()
        self._free.append(self._share.place)


def _bury(leaving: list[BaseProcess], block: bool) -> None:
    """Forgets processes that have left, or waits until all have: the memory of one takes the kernel some 20 ms."""
    for process in list(leaving):
        process.join(None if block else 0)
        if process.exitcode is not None:
            process.close()
            leaving.remove(process)


def _run(share: Share, work: str, connection: Connection, *args: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the coordinator decides
    from keraseq.tuning import child

    child.confine(share.threads, share.place, share.of)
    child.run(work, connection, *args)
