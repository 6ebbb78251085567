"""Children on this machine: one process a job, forked from a server that has TensorFlow loaded already."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import psutil

from keraseq.errors import UsageError
from keraseq.training.outcome import Outcome

# Fork is only clean while the server has one thread, so libraries must not start their pools when it imports them.
_SERVER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def start_server() -> None:
    """Starts the process that children are forked from, unless it runs already.

    Raises:
        UsageError: called while a child imports the caller's script, which therefore lacks its main guard.
    """
    if multiprocessing.parent_process() is not None:
        raise UsageError("search was started in one of its own children; put the call under if __name__ == '__main__':")
    multiprocessing.get_context("forkserver").set_forkserver_preload(["keraseq.tuning.child"])
    with _environment(_SERVER_ENVIRONMENT):
        multiprocessing.forkserver.ensure_running()


class Child:
    """A running job.

    Args:
        work: name of a function of `keraseq.tuning.child`.
        args: its arguments after the connection.
        memory: bytes of resident memory above which the child is killed; None never kills it.

    Attributes:
        connection: where it sends `(kind, facts)`.
        started: `time.monotonic()` of its launch.
    """

    def __init__(self, work: str, *args: Any, memory: int | None = None):
        context = multiprocessing.get_context("forkserver")
        self.connection, theirs = context.Pipe()
        self.memory = memory
        self.started = time.monotonic()
        self._killed_for: Outcome | None = None
        self.process = context.Process(target=_run, args=(work, theirs, *args), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def seconds(self) -> float:
        """Since its launch."""
        return time.monotonic() - self.started

    def stop(self, outcome: Outcome) -> None:
        """Asks the child to validate, save and end in `outcome`."""
        self._send("stop", outcome.value)

    def answer(self, value: Any) -> None:
        """Gives the child the hyperparameter that it asked for."""
        self._send("value", value)

    def _send(self, kind: str, value: Any) -> None:
        with contextlib.suppress(OSError):  # it has just ended by itself; `died` will tell how
            self.connection.send((kind, value))

    def kill(self, outcome: Outcome) -> None:
        """Kills the child; `ended` will report `outcome`."""
        self._killed_for = outcome
        self.process.kill()

    def exceeds_memory(self) -> bool:
        """Whether its resident memory is above its limit."""
        if self.memory is None or self.process.pid is None:
            return False
        try:
            return bool(psutil.Process(self.process.pid).memory_info().rss > self.memory)
        except psutil.NoSuchProcess:
            return False

    def died(self) -> dict[str, Any]:
        """The end of a child that closed its pipe without sending one."""
        self.process.join()
        code = self.process.exitcode or 0
        if self._killed_for is not None:
            limit = f"{(self.memory or 0) / 2**30:.1f} GiB of memory"
            why = {Outcome.TIMED_OUT: "it did not stop when its time was up", Outcome.OUT_OF_MEMORY: f"above {limit}"}
            return {"outcome": self._killed_for, "message": why.get(self._killed_for, ""), "seconds": self.seconds}
        how = signal.Signals(-code).name if code < 0 else f"exit code {code} without a result"
        return {"outcome": Outcome.KILLED, "message": how, "seconds": self.seconds}

    def close(self) -> None:
        """Frees what the child held; it is killed if it still runs."""
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()


def call(work: str, *args: Any) -> dict[str, Any]:
    """Runs a job to its end and gives what it sent last."""
    child = Child(work, *args)
    try:
        while True:
            try:
                kind, facts = child.connection.recv()
            except (EOFError, OSError):
                return child.died()
            if kind == "end":
                return facts
    finally:
        child.close()


def _run(work: str, connection: Connection, *args: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the coordinator decides
    from keraseq.tuning import child

    functions: dict[str, Callable[..., dict[str, Any]]] = {
        function.__name__: function for function in (child.prepare, child.train, child.train_hypermodel, child.evaluate)
    }
    child.run(functions[work], connection, *args)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
