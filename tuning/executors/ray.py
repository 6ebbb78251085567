"""Trials as tasks of a Ray cluster: on other machines, over the network alone."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import os
import queue
import signal
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil
import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from keraseq.config import check
from keraseq.errors import KeraseqError
from keraseq.files import replacing
from keraseq.ray_cluster import brief, connect, greeted, hush, share
from keraseq.training.outcome import Outcome
from keraseq.tuning.executors.base import Executor, Handle, Message, killed
from keraseq.tuning.job import Job

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PAUSE = 5.0  # seconds between looks at the head node
GONE = 30.0  # seconds after which one that does not answer is given up; after 60 Ray ends this process
LOOK = 0.2  # seconds between looks of a worker at its own memory
LAST = "card.json"  # the file that says that a model is whole


class Ray(Executor):
    """Trials as Ray tasks, `workers` at once; the CPUs and GPUs of the cluster are divided among them.

    Every trial gets a worker process of its own. No file system is shared: what a trial writes comes back with its end,
    and data are prepared on each node by the trials there. Ray itself never tries a task again: a trial whose worker or
    node went down ends as `killed`, and the coordinator, which counts launches, runs it once more, as with `local`.

    Args:
        workers: most trials at once; those for which the cluster has no room wait.
        address: of a cluster's head node, `HOST:PORT`, or `auto` for the one on this machine. None starts one here and
            ends it again, but where this process is connected to Ray already, that connection serves.

    Raises:
        UsageError: an address where this process is connected already.
        KeraseqError: no cluster answers there, or its head node cannot import keraseq.
    """

    def __init__(self, workers: int, address: str | None = None):
        self.workers = workers
        self._connected = not ray.is_initialized()
        check(self._connected or address is None, "this process is connected to Ray already; leave address out")
        if self._connected:
            connect(address)
        try:
            self._share = share([node["Resources"] for node in ray.nodes() if node["Alive"]], workers)
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            self._mailbox = ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()
            ray.get(self._mailbox.forget.remote(-1))
        except exceptions.RayError as error:
            self.close()
            raise KeraseqError(
                f"no worker of the cluster could be started ({brief(error)}); install the same keraseq, Python and "
                "Ray on its nodes as here, and set the same RAY_AUTH_MODE"
            ) from error
        self._numbers = itertools.count()
        self._head = ray.get_runtime_context().gcs_address
        self._looked, self._lost = time.monotonic(), 0.0  # when, and for how long it had been lost then
        cpus, gpus = self._share
        self._task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0, max_calls=1)(_run)

    def start(self, work: str, *args: Any, memory: int | None = None) -> RemoteTrial:
        number = next(self._numbers)
        cpus, _ = self._share
        task = self._task.remote(self._mailbox, number, cpus, memory, work, args)
        folders = [Path(arg.folder) for arg in args if isinstance(arg, Job)]
        return RemoteTrial(self._mailbox, number, task, memory, folders[0] if folders else None)

    def ready(self, handles: Sequence[Handle], timeout: float) -> list[Handle]:
        self._look()
        return _ready([handle for handle in handles if isinstance(handle, RemoteTrial)], timeout)

    def _look(self) -> None:
        """Looks after the head node now and then.

        Raises:
            KeraseqError: it has been gone for long.
        """
        pause = time.monotonic() - self._looked
        if pause < PAUSE:
            return
        self._looked += pause
        try:
            greeted(self._head)
            self._lost = 0.0
        except OSError as error:
            self._lost += PAUSE
            if self._lost > GONE:
                raise KeraseqError(f"the Ray cluster is gone ({brief(error)}); the same command goes on") from error

    def close(self) -> None:
        if self._connected:
            ray.shutdown()
            hush(False)
        else:
            ray.kill(self._mailbox)


class RemoteTrial(Handle):
    """A trial that waits for room in the cluster, or runs there.

    Args:
        mailbox: where it talks.
        number: its own in the mailbox.
        task: the reference of what it will return.
        memory: bytes of resident memory above which it ends itself; None never.
        folder: where the files that it returns go.
    """

    def __init__(self, mailbox: Any, number: int, task: Any, memory: int | None, folder: Path | None):
        self.memory = memory
        self._mailbox, self._number, self._task, self._folder = mailbox, number, task, folder
        self._began: float | None = None
        self._over = False  # the task is; what it said before may still be on its way
        self._heard: Message | None = None
        self._killed_for: Outcome | None = None
        self._next = mailbox.hear.remote(number)

    @property
    def seconds(self) -> float:
        """Since it began to run; 0 while it waits for room."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    @property
    def waited_for(self) -> list[Any]:
        """References one of which is ready when there is something to take."""
        return [self._next] if self._over else [self._next, self._task]

    def take(self, reference: Any) -> bool:
        """Takes what is ready, and gives whether it is for the coordinator."""
        if reference is self._task:
            self._over = True
            self._mailbox.say.remote(self._number, ("end", {}))
            return False
        kind, facts = ray.get(reference)
        if kind == "begun":
            self._began = time.monotonic()
        elif kind == "memory":
            self._killed_for = Outcome.OUT_OF_MEMORY
        else:
            self._heard = kind, facts
            return True
        self._next = self._mailbox.hear.remote(self._number)
        return False

    @property
    def has_heard(self) -> bool:
        return self._heard is not None

    def hear(self) -> Message:
        while self._heard is None:
            _ready([self], None)
        (kind, facts), self._heard = self._heard, None
        if kind == "end":
            return "end", self._ended()
        self._next = self._mailbox.hear.remote(self._number)
        return kind, facts

    def tell(self, kind: str, value: Any) -> None:
        self._mailbox.tell.remote(self._number, (kind, value))

    def exceeds_memory(self) -> bool:
        """Never: its worker looks after that, which is nearer."""
        return False

    def kill(self, outcome: Outcome) -> None:
        self._killed_for = outcome
        ray.cancel(self._task, force=True)

    def close(self) -> None:
        with contextlib.suppress(exceptions.RayError):
            if not self._over:
                ray.cancel(self._task, force=True)
            self._mailbox.forget.remote(self._number)

    def _ended(self) -> dict[str, Any]:
        try:
            facts, files = ray.get(self._task)
            if self._folder is not None:
                _write(files, self._folder)
        except exceptions.RayError as error:
            if self._killed_for is not None:
                return killed(self._killed_for, self.memory, self.seconds)
            return {**meaning(error), "seconds": self.seconds}
        except OSError as error:
            return {"outcome": Outcome.FAILED, "message": f"{self._folder}: {error}", "seconds": self.seconds}
        return facts


class Mailbox:
    """The actor between trials and coordinator: it holds what either said until the other asks."""

    def __init__(self) -> None:
        self._said: dict[int, asyncio.Queue[Message]] = defaultdict(asyncio.Queue)
        self._told: dict[int, asyncio.Queue[tuple[str, Any]]] = defaultdict(asyncio.Queue)

    async def say(self, trial: int, message: Message) -> None:
        await self._said[trial].put(message)

    async def hear(self, trial: int) -> Message:
        return await self._said[trial].get()

    async def tell(self, trial: int, answer: tuple[str, Any]) -> None:
        await self._told[trial].put(answer)

    async def listen(self, trial: int) -> tuple[str, Any]:
        return await self._told[trial].get()

    async def forget(self, trial: int) -> None:
        """Drops what is left of a trial, and releases who still waits."""
        if said := self._said.pop(trial, None):
            await said.put(("end", {}))
        if told := self._told.pop(trial, None):
            await told.put(("stop", Outcome.INTERRUPTED.value))


class Correspondence:
    """What a pipe is to a child: `send`, `recv` and `poll` by way of the mailbox.

    Nothing here waits for Ray on the main thread, for a task that does gives its CPUs to another meanwhile.

    Attributes:
        end: the facts of the end, which travel with the files of the trial.
    """

    def __init__(self, mailbox: Any, number: int):
        self.end: dict[str, Any] | None = None
        self._mailbox, self._number = mailbox, number
        self._answers: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._sender = ThreadPoolExecutor(1)
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: Message) -> None:
        """Says something.

        Raises:
            OSError: nobody is there to hear it.
        """
        kind, facts = message
        if kind == "end":
            self.end = facts
            return
        try:
            self._sender.submit(lambda: ray.get(self._mailbox.say.remote(self._number, message))).result()
        except exceptions.RayError as error:
            raise OSError(brief(error)) from error

    def poll(self) -> bool:
        """Whether `recv` has something to give or to raise."""
        return not self._answers.empty()

    def recv(self) -> tuple[str, Any]:
        """The next answer.

        Raises:
            EOFError: there will be none.
        """
        answer = self._answers.get()
        if answer is None:
            self._answers.put(None)
            raise EOFError("the coordinator is gone")
        return answer

    def _listen(self) -> None:
        try:
            while True:
                self._answers.put(ray.get(self._mailbox.listen.remote(self._number)))
        except exceptions.RayError:
            self._answers.put(None)


def meaning(error: exceptions.RayError) -> dict[str, Any]:
    """Outcome and message of a task that gave no result."""
    if isinstance(error, exceptions.OutOfMemoryError):
        return {"outcome": Outcome.OUT_OF_MEMORY, "message": "Ray killed it because the memory of its node ran out"}
    if isinstance(error, exceptions.RayTaskError):  # before anything of keraseq ran
        trace = str(error)
        return {"outcome": Outcome.FAILED, "message": trace.strip().splitlines()[-1], "traceback": trace}
    if isinstance(error, exceptions.WorkerCrashedError):
        return {"outcome": Outcome.KILLED, "message": "its worker process or node went down"}
    return {"outcome": Outcome.KILLED, "message": brief(error)}


def _run(
    mailbox: Any, number: int, threads: int, memory: int | None, work: str, args: Sequence[Any]
) -> tuple[dict[str, Any] | None, dict[str, bytes]]:
    """Does a job on a worker; the facts of its end and the files that it wrote."""
    correspondence = Correspondence(mailbox, number)
    from keraseq.tuning import child

    child.confine(threads, 0, 1)  # Ray shows it no GPUs but its own
    correspondence.send(("begun", {}))
    if memory is not None:
        threading.Thread(target=_watch, args=(memory, correspondence), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="keraseq-") as folder:
        own = [dataclasses.replace(arg, folder=folder) if isinstance(arg, Job) else arg for arg in args]
        child.run(work, cast("Connection", correspondence), *own)
        found = {path.relative_to(folder): path for path in Path(folder).rglob("*") if path.is_file()}
        files = {str(name): path.read_bytes() for name, path in found.items()}
    return correspondence.end, files


def _watch(memory: int, correspondence: Correspondence) -> None:
    """Ends this process when it has taken more than `memory`."""
    process = psutil.Process()
    while process.memory_info().rss <= memory:
        time.sleep(LOOK)
    with contextlib.suppress(OSError):
        correspondence.send(("memory", {}))
    os.kill(process.pid, signal.SIGKILL)


def _ready(handles: Sequence[RemoteTrial], timeout: float | None) -> list[Handle]:
    """Those of some trials that have something for the coordinator, as soon as one has.

    Raises:
        KeraseqError: the cluster is gone.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while not (heard := [handle for handle in handles if handle.has_heard]):
            waited = {reference: handle for handle in handles for reference in handle.waited_for}
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not ray.wait(list(waited), timeout=left)[0]:
                return []
            for reference in ray.wait(list(waited), num_returns=len(waited), timeout=0)[0]:
                waited[reference].take(reference)
    except exceptions.RayError as error:
        raise KeraseqError(f"the Ray cluster is gone ({brief(error)}); the same command goes on") from error
    return list(heard)


def _write(files: dict[str, bytes], folder: Path) -> None:
    """Writes the files of a trial, each atomically, the card last."""
    for name in sorted(files, key=lambda name: (name == LAST, name)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(folder / name) as temporary:
            temporary.write_bytes(files[name])
