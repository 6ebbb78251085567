"""What this machine and this installation offer, and what is wrong with them."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from typing import Any

import psutil
from packaging.requirements import Requirement

from keraseq.errors import KeraseqError
from keraseq.machine import cores
from keraseq.registry import strategies
from keraseq.tasks.cache import directory
from keraseq.tasks.source import folder_of

PACKAGES = ("keraseq", "keras", "tensorflow", "jax", "keras-tuner", "tensorflow-datasets", "optuna", "numpy")
ROOM = 2 * 2**30  # bytes below which a disk or a memory counts as full


def examination(data_dir: str | None = None) -> dict[str, Any]:
    """Versions, devices, what each strategy would do, extras, folders, and problems with their remedies, as plain data.

    Args:
        data_dir: of TensorFlow Datasets; None takes what TFDS_DATA_DIR names, else its default.
    """
    import keras

    memory = psutil.virtual_memory()
    folders = {"data": folder_of(data_dir), "cache": str(directory())}
    found: dict[str, Any] = {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "machine": {
            "system": platform.platform(),
            "cores": cores(),
            "memory": f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free",
        },
        "backend": keras.backend.backend(),
        "devices": keras.distribution.list_devices(),
        "strategies": {name: _would(name) for name in strategies.names()},
        "extras": _extras(),
        "folders": {name: f"{path}, {_free(path) / 2**30:.1f} GiB free" for name, path in folders.items()},
    }
    return {**found, "problems": _problems(found, folders, memory.available)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _would(name: str) -> str:
    """What a strategy would do here, or why it cannot."""
    summary = strategies.describe(name).summary
    try:
        if name == "multiworker":
            from keraseq.training.distributed.workers import cluster

            workers = cluster().cluster_spec().num_tasks("worker")
            return f"{summary} Would join {workers} workers."
        strategies.get(name)()
    except KeraseqError as error:
        return f"not here: {error}"
    return summary


def _extras() -> dict[str, str]:
    """Each extra, and what of it is missing."""
    missing: dict[str, list[str]] = {}
    for line in requires("keraseq") or ():
        need = Requirement(line)
        for extra in distribution("keraseq").metadata.get_all("Provides-Extra") or ():
            if need.marker and need.marker.evaluate({"extra": extra}) and not need.marker.evaluate({"extra": ""}):
                missing.setdefault(extra, [])
                if need.name != "keraseq" and _version(need.name) is None:
                    missing[extra].append(need.name)
    return {extra: f"lacks {', '.join(names)}" if names else "installed" for extra, names in sorted(missing.items())}


def _free(path: str) -> int:
    """Bytes free on the disk of a folder, or of its nearest parent that exists."""
    path = os.path.abspath(path)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


def _problems(found: dict[str, Any], folders: dict[str, str], memory: int) -> list[str]:
    problems = []
    if found["backend"] not in ("tensorflow", "jax"):
        problems.append(f"Keras runs on {found['backend']}: set KERAS_BACKEND=tensorflow or jax")
    if memory < ROOM:
        problems.append("less than 2 GiB of memory is free: search with --workers 1, and give it --memory")
    for name, path in folders.items():
        if _free(path) < ROOM:
            problems.append(f"less than 2 GiB are free for {name} in {path}: make room, or choose another folder")
    graphics = [device for device in found["devices"] if device.startswith("gpu")]
    if len(graphics) > 1:
        problems.append(f"strategy auto uses one of {len(graphics)} GPUs: --strategy mirrored uses them all")
    if shutil.which("nvidia-smi") and not graphics:
        problems.append("nvidia-smi is there, and Keras sees no GPU: install tensorflow[and-cuda], or jax[cuda12]")
    return problems
