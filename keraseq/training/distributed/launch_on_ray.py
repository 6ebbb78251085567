"""Several workers of one job on the nodes of a Ray cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray import exceptions
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from keraseq.errors import KeraseqError
from keraseq.ray_cluster import brief, connect, hush, share
from keraseq.training.distributed.launch import GRACE, TICK, ending, environment_of, handing_on, ports

ROOM = 60.0  # seconds for the cluster to make room


def launch_on_ray(arguments: Sequence[str], workers: int, address: str | None = None) -> int:
    """Runs `keraseq ARGUMENTS` in `workers` processes of a Ray cluster that are one cluster of TensorFlow's.

    The CPUs and GPUs of the cluster are divided among them, on as many nodes as can be. All see the same folders, under
    the names that they have here. Where one fails, the others are given some seconds and are then killed; SIGTERM,
    SIGINT and SIGHUP are handed on.

    Args:
        arguments: of the command line.
        workers: at least 1.
        address: of the head node, `HOST:PORT`, or `auto` for the one on this machine; None starts a cluster here.

    Returns:
        The exit code of the worker that failed, or of the first.

    Raises:
        KeraseqError: no cluster answers or has room, or a worker was killed or lost.
    """
    connect(address, output=True)
    try:
        cpus, gpus = share([node["Resources"] for node in ray.nodes() if node["Alive"]], workers)
        group = placement_group([{"CPU": cpus, "GPU": gpus} if gpus else {"CPU": cpus}] * workers, strategy="SPREAD")
        if not group.wait(ROOM):
            raise KeraseqError(
                f"the Ray cluster had no room for {workers} workers of {cpus} CPUs and {gpus} GPUs in {ROOM:.0f} s; "
                "start fewer"
            )
        actors = [
            ray.remote(Worker)
            .options(
                num_cpus=cpus,
                num_gpus=gpus,
                max_concurrency=2,  # it is told to stop while it runs
                scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index),
            )
            .remote()
            for index in range(workers)
        ]
        hosts = ray.get([actor.host.remote() for actor in actors])
        runs = [actor.run.remote(list(arguments), hosts, index, os.getcwd()) for index, actor in enumerate(actors)]
        with handing_on(lambda number: _stop(actors, number)):
            try:
                return _ended(runs)
            finally:
                _stop(actors, signal.SIGKILL)
    except exceptions.RayError as error:
        raise KeraseqError(f"the Ray cluster is gone ({brief(error)}); run it again with --resume") from error
    finally:
        ray.shutdown()
        hush(False)


class Worker:
    """An actor that runs one worker in a process of its own, since TensorFlow joins a cluster once a process."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def host(self) -> str:
        """Where the worker will be reached."""
        return f"{ray.util.get_node_ip_address()}:{ports(1)[0]}"

    def run(self, arguments: Sequence[str], hosts: Sequence[str], index: int, folder: str) -> int:
        """Runs the worker to its end and returns its exit code."""
        command = [sys.executable, "-m", "keraseq", *arguments]
        environment = {**environment_of(hosts, index), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True)
        return self.process.wait()

    def stop(self, number: int) -> None:
        """Sends the worker a signal."""
        if self.process is not None:
            self.process.send_signal(number)


def _stop(actors: Sequence[Any], number: int) -> None:
    """Sends a signal to the workers that can still be reached."""
    told = [actor.stop.remote(number) for actor in actors]
    ray.wait(told, num_returns=len(told), timeout=GRACE)


def _ended(runs: Sequence[ray.ObjectRef]) -> int:
    """Waits for all, or some seconds from the first that fails on."""
    workers, until = len(runs), float("inf")
    codes: dict[int, int] = {}
    while len(codes) < workers and time.monotonic() < until:
        left = [run for index, run in enumerate(runs) if index not in codes]
        for run in ray.wait(left, timeout=TICK)[0]:
            index = runs.index(run)
            try:
                codes[index] = ray.get(run)
            except exceptions.RayActorError as error:
                raise KeraseqError(
                    f"worker {index} of {workers} was lost with its node ({brief(error)}), and so the job; run it "
                    "again with --resume"
                ) from error
            if codes[index] and until == float("inf"):
                until = time.monotonic() + GRACE
    failed = next((index for index, code in codes.items() if code), 0)
    return ending(failed, codes[failed], workers)
