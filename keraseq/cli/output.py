"""What commands share: consoles, JSON and settings given as `name=value`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console

from keraseq.errors import UsageError, unknown

console = Console()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of weights, shuffling and sampling; 0 is a seed.")]
DataDir = Annotated[
    str | None, typer.Option("--data-dir", envvar="TFDS_DATA_DIR", help="Data directory of TensorFlow Datasets.")
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write scalars for TensorBoard beside history.jsonl, in tensorboard/.")
]


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(data, indent=1, ensure_ascii=False, default=str))


def brief(value: Any) -> str:
    """Plain data for people: numbers rounded, mappings as `name value` pairs."""
    match value:
        case float():
            return f"{value:.4g}"
        case None:
            return "–"
        case dict():
            separator = "\n" if any(isinstance(part, dict) for part in value.values()) else ", "
            return separator.join(f"{name} {brief(part)}" for name, part in value.items())
        case list() | tuple():
            return " ".join(brief(part) for part in value)
    return str(value)


def settings(pairs: Iterable[str], groups: Iterable[str]) -> dict[str, dict[str, str]]:
    """`["task.length=200"]` as `{"task": {"length": "200"}}`, with each of `groups` present.

    Raises:
        UsageError: not of the form `group.name=value`, or an unknown group.
    """
    found: dict[str, dict[str, str]] = {group: {} for group in groups}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        group, dot, name = key.partition(".")
        if not (equals and dot and name):
            raise UsageError(f"--set takes group.name=value, such as task.length=200; got {pair!r}")
        if group not in found:
            raise UsageError(f"--set {pair}: {unknown('group of settings', group, found)}")
        found[group][name] = value
    return found
