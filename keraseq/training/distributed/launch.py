"""Several workers of one job on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence

from keraseq.errors import KeraseqError

GRACE = 10.0  # seconds that the others have to end by themselves once a worker has gone
TICK = 0.1


def launch(command: Sequence[str], workers: int) -> int:
    """Runs `command` in `workers` processes that are one cluster, and returns the exit code of the first worker.

    Where one of them fails, the others are given some seconds and are then killed; SIGTERM, SIGINT and
    SIGHUP are handed on.

    Raises:
        KeraseqError: a worker was killed or failed; the message names it.
    """
    hosts = [f"localhost:{port}" for port in ports(workers)]
    # In sessions of their own, so that Ctrl-C in a terminal reaches them once, through this process.
    processes = [
        subprocess.Popen(command, env=environment_of(hosts, index), start_new_session=True) for index in range(workers)
    ]
    with contextlib.ExitStack() as stack:
        for process in processes:
            stack.callback(_end, process)
        stack.enter_context(handing_on(lambda number: _send(processes, number)))
        while all(process.poll() is None for process in processes):
            time.sleep(TICK)
        first = next(index for index, process in enumerate(processes) if process.poll() is not None)
        until = time.monotonic() + GRACE
        while any(process.poll() is None for process in processes):
            if processes[first].returncode and time.monotonic() > until:
                for process in processes:
                    process.kill()
            time.sleep(TICK)
    return ending(first, processes[first].returncode, workers) or processes[0].returncode


def ending(worker: int, code: int, workers: int) -> int:
    """The exit code of the worker that ended first.

    Raises:
        KeraseqError: a signal ended it.
    """
    if code < 0:
        raise KeraseqError(
            f"worker {worker} of {workers} was ended by {signal.Signals(-code).name}, and so the job; run it again "
            "with --resume"
        )
    return code


def environment_of(hosts: Sequence[str], index: int) -> dict[str, str]:
    """The environment of a worker."""
    told = {"cluster": {"worker": list(hosts)}, "task": {"type": "worker", "index": index}}
    return {**os.environ, "TF_CONFIG": json.dumps(told)}


def ports(count: int) -> list[int]:
    """Free ports, which the kernel names."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def handing_on(send: Callable[[int], None]) -> Iterator[None]:
    """Inside the block SIGTERM, SIGINT and SIGHUP are sent on instead of ending this process."""
    ending = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, frame: send(number)) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send(processes: Sequence[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
