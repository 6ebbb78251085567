"""Checks of settings that several tasks make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from keraseq.config import check
from keraseq.errors import UsageError

if TYPE_CHECKING:
    from keraseq.tasks.config.base import TaskConfig


def check_idle(config: TaskConfig, names: Iterable[str], why: str) -> None:
    """Raises `UsageError` where one of these settings, which change nothing, is not at its default."""
    for name in sorted(config.changed.keys() & set(names)):
        raise UsageError(f"{name}={getattr(config, name)!r} changes nothing: {why}. Remedy: leave it out")


def at_least(config: TaskConfig, **least: int) -> None:
    """Raises `UsageError` unless each setting named is at least what is given."""
    for name, low in least.items():
        value = getattr(config, name)
        check(value >= low, f"{name} must be at least {low}; got {value}. Remedy: leave it out for the default")


def one_of(name: str, value: str, values: tuple[str, ...]) -> None:
    """Raises `UsageError` unless setting `name` has one of `values`."""
    check(value in values, f"{name} must be one of {', '.join(map(repr, values))}; got {value!r}")
