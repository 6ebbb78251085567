"""A task under examination."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keraseq.config import configure
from keraseq.models.inputs import Tokens
from keraseq.registry import Entry
from keraseq.tasks import Task, cache, load_task
from keraseq.tasks.source import MissingDownloadError, folder_of, open_builder
from keraseq.tasks.task import SPLITS
from keraseq.tasks.tokenise import UNKNOWN
from keraseq.testing.suite import Case, NotRunError, resolve

Batch = tuple[Any, np.ndarray]
DATA_DIR = "data_dir"


class TaskCase:
    """A task with one choice of settings, and what the checks share.

    Attributes:
        task: loaded.
        tags: of its registration.
        entry: its registration.
        measured: numbers that checks leave for the report.
    """

    def __init__(self, task: Task, entry: Entry):
        self.task = task
        self.entry = entry
        self.tags = entry.tags
        self.measured: dict[str, float] = {}

    @classmethod
    def registered(cls, entry: Entry, case: Case) -> TaskCase:
        """A case of a registered task.

        Raises:
            NotRunError: its data are neither on this machine nor made on it.
        """
        settings = dict(resolve(case))
        data_dir = settings.pop(DATA_DIR, None)
        _require_data(entry, settings, data_dir)
        try:
            return cls(load_task(entry.name, data_dir=data_dir, **settings), entry)
        except MissingDownloadError as error:
            raise NotRunError(f"its data are not on this machine: {error}") from error

    @functools.cached_property
    def splits(self) -> dict[str, list[Batch]]:
        """Every batch of every split, in a fixed order."""
        return {split: list(batches(self.task, split, shuffle=False)) for split in SPLITS}

    def sequences(self, split: str) -> Iterator[np.ndarray]:
        """The sequences of a split without padding, one by one."""
        for inputs, _ in self.splits[split]:
            yield from unpadded(source_of(inputs))

    def known(self, split: str) -> list[bytes]:
        """The sequences of a split, but for texts with unknown words: two of these may look alike and be none."""
        text = "text" in self.tags and isinstance(self.task.inputs, Tokens)
        return [steps.tobytes() for steps in self.sequences(split) if not (text and UNKNOWN in steps)]


def batches(task: Task, split: str, most: int | None = None, **order: Any) -> Iterator[Batch]:
    """The first batches of a pass over a split, as arrays."""
    return itertools.islice(task.dataset(split, **order).as_numpy_iterator(), most)


def source_of(inputs: Any) -> Any:
    """What a model reads, without what a decoder is given."""
    return inputs["source"] if isinstance(inputs, dict) and "source" in inputs else inputs


def unpadded(inputs: Any) -> Iterator[np.ndarray]:
    """The sequences of a batch without their padding."""
    if isinstance(inputs, dict):
        yield from (row[mask] for row, mask in zip(inputs["values"], inputs["mask"], strict=True))
    elif inputs.ndim == 2 and inputs.dtype.kind == "i":  # tokens
        yield from (row[row > 0] for row in inputs)
    else:
        yield from inputs


def _require_data(entry: Entry, settings: dict[str, Any], data_dir: str | None) -> None:
    """Raises NotRunError where loading the task would have to download."""
    config = configure(entry.component, settings, f"task {entry.name!r}")
    if not config.downloads or cache.place(entry.name, config.identity(data_dir)).is_dir():
        return
    builder = open_builder(config.builder, data_dir)
    if not Path(builder.data_dir).exists():
        raise NotRunError(
            f"its data are not prepared in {folder_of(data_dir)}; run: keraseq data prepare {config.called}"
        )
