"""Names to components: one `Registry` for each kind, filled by decorators, built-ins and plugins.

Importing this package imports neither Keras nor any component.
"""

if __name__ != "keraseq.registry":
    raise ImportError(
        f"the registry was imported as {__name__!r}; it is part of keraseq: use 'import keraseq.registry'"
    )

from keraseq.registry.builtin import ALIASES, BUILTIN
from keraseq.registry.registry import (
    BrokenPluginError,
    Description,
    DuplicateNameError,
    Entry,
    Registry,
    UnknownNameError,
)

layers = Registry("layer", "keraseq.layers", BUILTIN["layers"])
models = Registry("model", "keraseq.models", BUILTIN["models"], ALIASES["models"])
tasks = Registry("task", "keraseq.tasks", BUILTIN["tasks"], ALIASES["tasks"])
algorithms = Registry("search algorithm", "keraseq.algorithms", BUILTIN["algorithms"])
strategies = Registry("strategy", "keraseq.strategies", BUILTIN["strategies"])

KINDS: dict[str, Registry] = {
    "layers": layers,
    "models": models,
    "tasks": tasks,
    "algorithms": algorithms,
    "strategies": strategies,
}

__all__ = [
    "KINDS",
    "BrokenPluginError",
    "Description",
    "DuplicateNameError",
    "Entry",
    "Registry",
    "UnknownNameError",
    "algorithms",
    "layers",
    "models",
    "strategies",
    "tasks",
]
