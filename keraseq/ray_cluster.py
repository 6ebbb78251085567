"""Ray clusters: how a process connects to one, and what it offers."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterable
from typing import Any

import ray
from ray import exceptions

from keraseq.environment import environment
from keraseq.errors import KeraseqError
from keraseq.machine import cores

PATIENCE = 10.0  # seconds for a head node to answer
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
_UNHUSHED: list[Any] = []  # what Ray prints by, while it does not


def connect(address: str | None, output: bool = False) -> None:
    """Connects this process to a cluster, or to a new one on this machine.

    Args:
        address: of the head node, `HOST:PORT`, or `auto`; None starts a cluster here.
        output: whether this process prints what the workers print.

    Raises:
        KeraseqError: no cluster answers.
    """
    start = {"address": "local", "num_cpus": cores(), "include_dashboard": False}
    quiet = {"log_to_driver": output, "logging_level": logging.ERROR}
    path = os.pathsep.join(filter(None, sys.path))  # children of Local have it too
    hush(not output)
    try:
        if address is None:
            with environment({**_QUIET, "PYTHONPATH": path}):
                ray.init(**start, **quiet)
            return
        if ":" in address:
            greeted(address)  # for Ray itself tries for minutes
        with environment(_QUIET):
            ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError, exceptions.RayError) as error:
        hush(False)
        if address is None:
            raise KeraseqError(f"Ray did not start on this machine: {brief(error)}") from error
        raise KeraseqError(
            f"no Ray cluster answers at {address!r} ({brief(error)}); give the HOST:PORT of its head node, which "
            "ray start --head prints, with RAY_AUTH_MODE=token where it wants a token, or leave the address out to "
            "start one on this machine"
        ) from error


def greeted(address: str) -> None:
    """Asks a head node for the greeting of HTTP/2, in which Ray's parts talk.

    Raises:
        OSError: nothing answers there, or something else does.
        ValueError: the address has no port.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        if os.environ.get("RAY_USE_TLS", "0") in ("1", "true"):
            return
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        if connection.recv(9)[3:4] != b"\x04":
            raise OSError("what answers there is no head node")


def hush(on: bool) -> None:
    """Keeps Ray from printing deaths of workers, which are outcomes here, to standard output; it has no setting."""
    module = ray._private.worker
    if on and hasattr(module, "print_to_stdstream"):
        _UNHUSHED.append(module.print_to_stdstream)
        module.print_to_stdstream = lambda *args, **kwargs: None
    elif not on and _UNHUSHED:
        module.print_to_stdstream = _UNHUSHED.pop()


def brief(error: BaseException) -> str:
    """The first line of an error's text, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def share(nodes: Iterable[dict[str, float]], workers: int) -> tuple[int, int]:
    """CPUs and GPUs of each of some workers: as many as leave room for all, and one at least.

    >>> share([{"CPU": 16.0}, {"CPU": 16.0}], 3)
    (8, 0)
    >>> share([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 64.0}], 2)
    (8, 1)
    """
    known = [(int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in nodes]
    with_gpus = [(cpus, gpus) for cpus, gpus in known if gpus]

    def places(cpus: int, gpus: int) -> int:
        if not gpus:
            return sum(node // cpus for node, _ in known)
        return sum(min(of // cpus, node // gpus) for of, node in with_gpus)

    most = max((gpus for _, gpus in with_gpus), default=0)
    each = next((gpus for gpus in range(most, 1, -1) if places(1, gpus) >= workers), min(most, 1))
    wanted = min(workers, places(1, each))
    cores = max((cpus for cpus, _ in (with_gpus or known)), default=1)
    return next((cpus for cpus in range(cores, 1, -1) if places(cpus, each) >= wanted), 1), each
