"""What a run depends on beside its settings: versions of libraries, and the machine."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

import keraseq
from keraseq.tuning.executors.local import cores

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


def processor() -> str:
    """What the processor calls itself, or its architecture."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
