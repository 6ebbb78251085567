"""Tasks: what a model is asked to do, from a data set to the batches that enter a model.

`load_task` gives a `Task`; `task_config` checks a name and its settings without reading any data. Importing this
package imports neither TensorFlow nor TensorFlow Datasets.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keraseq.tasks.config import TaskConfig
    from keraseq.tasks.load import load_task, task_config
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.task import Task

_HOME = {
    "Preprocessor": "preprocess",
    "Task": "task",
    "TaskConfig": "config",
    "load_task": "load",
    "task_config": "load",
}

__all__ = ["Preprocessor", "Task", "TaskConfig", "load_task", "names", "task_config"]


def names() -> list[str]:
    """Names of the registered tasks; any other TFDS name loads too, inferred from its features."""
    from keraseq.registry import tasks

    return tasks.names()


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"keraseq.tasks.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
