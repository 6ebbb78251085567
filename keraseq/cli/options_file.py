"""Options of a command from a TOML file; those given on the command line stand before them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from keraseq.errors import UsageError, unknown

TABLES = {"task": "set", "training": "set", "range": "range", "fix": "fix"}  # table → option that takes name=value


def load_options(context: typer.Context, path: Path | None) -> Path | None:
    """Makes what a file says the defaults of a command; for an eager option.

    Top-level keys are options by their long names. The tables `[task]`, `[training]`, `[range]` and `[fix]` hold
    settings by name, `[[queue]]` settings to try first, and lists are written as TOML writes them.

    Raises:
        UsageError: the file is missing or not TOML, or has a key that is no option.
    """
    if path is None:
        return None
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    names = {flag.lstrip("-"): param.name for param in context.command.params for flag in param.opts}
    context.default_map = {}
    for key, value in data.items():
        name = key.replace("_", "-")
        if name in TABLES and isinstance(value, Mapping):
            prefix = f"{name}." if TABLES[name] == "set" else ""
            pairs = [f"{prefix}{setting}={_text(given)}" for setting, given in value.items()]
            parameter = str(names[TABLES[name]])
            context.default_map[parameter] = [*context.default_map.get(parameter, []), *pairs]
        elif name in names:
            context.default_map[str(names[name])] = _option(value)
        else:
            raise UsageError(f"{path}: {unknown('option', key, [*names, *TABLES])}")
    return path


def _option(value: Any) -> Any:
    """A value as its option takes it: `a,b` for a list, `name=value` for a table, and a list of those for tables."""
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return [_option(one) for one in value]
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_text(given)}" for name, given in value.items())
    return ",".join(map(_text, value)) if isinstance(value, list) else value


def _text(value: Any) -> str:
    """A setting as it is written on a command line; a list is a choice of its values."""
    if isinstance(value, list):
        return "|".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value)
