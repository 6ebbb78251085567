"""TFDS builders of keraseq's own data sets, each in a module of its name."""

from __future__ import annotations

import importlib
import pkgutil


def register(name: str) -> None:
    """Registers our builder of this name with TFDS, where there is one, by importing its module."""
    if name in {module.name for module in pkgutil.iter_modules(__path__)}:
        importlib.import_module(f"{__name__}.{name}")
