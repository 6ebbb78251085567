"""What a run depends on beside its settings: versions of libraries, and the machine."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import psutil

import keraseq
from keraseq.machine import cores, processor

LIBRARIES = ("keras", "tensorflow", "numpy")


def versions() -> dict[str, str]:
    """Library → version."""
    found = {name: version(name) for name in LIBRARIES}
    return {"keraseq": keraseq.__version__, **found, "python": platform.python_version()}


def machine(devices: list[str] | None = None) -> dict[str, Any]:
    """Processor, cores that may be used, bytes of memory, and devices such as `CPU` or the name of a GPU."""
    return {
        "processor": processor(),
        "cores": cores(),
        "memory": psutil.virtual_memory().total,
        "devices": devices or ["CPU"],
    }
