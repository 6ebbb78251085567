"""keraseq: which sequence architecture is best for your data, within your budget?

Names of this module are imported when first used: `import keraseq` alone loads neither TensorFlow nor Keras.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keraseq.benchmarking.benchmark import Benchmark, benchmark
    from keraseq.inference.saved import Predictor, load_model, save_model
    from keraseq.inference.stepwise import Stepwise
    from keraseq.models import create_model
    from keraseq.tasks import Task, load_task
    from keraseq.tasks.arrays import task_from_arrays, task_from_dataset
    from keraseq.training.distributed.workers import connect
    from keraseq.training.fit import Fit, fit
    from keraseq.training.outcome import Outcome
    from keraseq.tuning.hypermodel import SequenceHyperModel
    from keraseq.tuning.search import search
    from keraseq.tuning.study import Study

__version__ = "0.1.0"

_PUBLIC = {
    "Benchmark": "keraseq.benchmarking.benchmark",
    "Fit": "keraseq.training.fit",
    "Outcome": "keraseq.training.outcome",
    "Predictor": "keraseq.inference.saved",
    "SequenceHyperModel": "keraseq.tuning.hypermodel",
    "Stepwise": "keraseq.inference.stepwise",
    "Study": "keraseq.tuning.study",
    "Task": "keraseq.tasks",
    "benchmark": "keraseq.benchmarking.benchmark",
    "connect": "keraseq.training.distributed.workers",
    "create_model": "keraseq.models",
    "fit": "keraseq.training.fit",
    "load_model": "keraseq.inference.saved",
    "load_task": "keraseq.tasks",
    "save_model": "keraseq.inference.saved",
    "search": "keraseq.tuning.search",
    "task_from_arrays": "keraseq.tasks.arrays",
    "task_from_dataset": "keraseq.tasks.arrays",
}
__all__ = [
    "Benchmark",
    "Fit",
    "Outcome",
    "Predictor",
    "SequenceHyperModel",
    "Stepwise",
    "Study",
    "Task",
    "benchmark",
    "connect",
    "create_model",
    "fit",
    "list_layers",
    "list_models",
    "list_tasks",
    "load_model",
    "load_task",
    "save_model",
    "search",
    "task_from_arrays",
    "task_from_dataset",
]


def list_layers(pattern: str = "*", *, tags: set[str] | frozenset[str] = frozenset()) -> list[str]:
    """Names of registered layers that match a wildcard `pattern` and carry all `tags`."""
    from keraseq.registry import layers

    return layers.names(pattern, tags=tags)


def list_models(pattern: str = "*", *, tags: set[str] | frozenset[str] = frozenset()) -> list[str]:
    """Names of registered model families that match a wildcard `pattern` and carry all `tags`."""
    from keraseq.registry import models

    return models.names(pattern, tags=tags)


def list_tasks(pattern: str = "*", *, tags: set[str] | frozenset[str] = frozenset()) -> list[str]:
    """Names of registered tasks that match a wildcard `pattern` and carry all `tags`; any TFDS name loads besides."""
    from keraseq.registry import tasks

    return tasks.names(pattern, tags=tags)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'keraseq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
