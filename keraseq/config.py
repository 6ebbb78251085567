"""Configurations: frozen dataclasses whose fields carry type, default, search range and meaning in one place.

A field is written

    filters: Annotated[int, Int(8, 512, log=True), "channels of every block"] = 64

The range is where a search samples, not a validity check; a field without a range is never searched. Validity is
checked by the class itself in `__post_init__`.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, TypeVar

from keraseq.errors import UsageError, unknown

Config = TypeVar("Config")


@dataclass(frozen=True)
class Int:
    """Whole numbers from `low` to `high`, both included, in steps of `step`, or uniform in the logarithm."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __str__(self) -> str:
        step = f", step {self.step}" if self.step > 1 else ""
        return f"{self.low} … {self.high}{step}{', log' if self.log else ''}"


@dataclass(frozen=True)
class Float:
    """Real numbers from `low` to `high`, uniform or uniform in the logarithm."""

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low:g} … {self.high:g}{', log' if self.log else ''}"


@dataclass(frozen=True, init=False)
class Choice:
    """One of `values`, all of one type: `Choice(2, 3, 5)`."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any):
        object.__setattr__(self, "values", values)

    def __str__(self) -> str:
        return " | ".join(map(str, self.values))


Range = Int | Float | Choice


@dataclass(frozen=True)
class Field:
    """One field of a configuration class.

    Attributes:
        name, type, default: as declared; `default` is `dataclasses.MISSING` where a value is required.
        range: where a search samples, or None for a field that is never searched.
        meaning: one phrase for people.
    """

    name: str
    type: Any
    default: Any
    range: Range | None
    meaning: str


def fields(cls: type) -> tuple[Field, ...]:
    """The fields of a configuration class, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        notes = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
        found.append(
            Field(
                name=field.name,
                type=typing.get_args(hint)[0] if notes else hint,
                default=field.default,
                range=next((note for note in notes if isinstance(note, Range)), None),
                meaning=next((note for note in notes if isinstance(note, str)), ""),
            )
        )
    return tuple(found)


def configure(cls: type[Config], settings: Mapping[str, Any], owner: str) -> Config:
    """`cls(**settings)` with names and types checked; text, as from a command line, is read as the field's type.

    Args:
        cls: configuration class.
        settings: field name → value, or its text.
        owner: what is configured, for messages: `"model 'tcn'"`.

    Raises:
        UsageError: unknown field, missing field, wrong type, or a value that the class refuses.

    Example:
        >>> @dataclass(frozen=True)
        ... class TCN:
        ...     filters: int = 64
        >>> configure(TCN, {"filters": "32"}, "model 'tcn'")
        TCN(filters=32)
    """
    known = {field.name: field for field in fields(cls)}
    values = {}
    for name, value in settings.items():
        if name not in known:
            raise UsageError(f"{owner}: {unknown('setting', name, known)}")
        values[name] = _typed(value, known[name], owner)
    missing = [f.name for f in known.values() if f.default is MISSING and f.name not in values]
    if missing:
        raise UsageError(f"{owner} needs {', '.join(missing)}: {known[missing[0]].meaning or 'no default'}")
    try:
        return cls(**values)
    except UsageError:
        raise
    except (TypeError, ValueError) as error:
        raise UsageError(f"{owner}: {error}") from error


def settings_of(config: Any) -> dict[str, Any]:
    """The values of a configuration, as plain data for JSON."""
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _typed(value: Any, field: Field, owner: str) -> Any:
    """`value` as the field's type: numbers widen to float, text is parsed; anything else must already fit."""
    accepted = typing.get_args(field.type) if _is_union(field.type) else (field.type,)
    if isinstance(value, str):
        parsed = parse(value)
        value = parsed if type(parsed) in accepted or str not in accepted else value
    if float in accepted and type(value) is int:
        value = float(value)
    if type(value) not in accepted:
        wanted = " or ".join(getattr(kind, "__name__", str(kind)).replace("NoneType", "null") for kind in accepted)
        meaning = f" ({field.meaning})" if field.meaning else ""
        raise UsageError(f"{owner}: {field.name} must be {wanted}{meaning}; got {value!r}")
    return value


def parse(text: str) -> Any:
    """What a text from a command line stands for: a number, truth value, null, list or dictionary, or itself."""
    try:
        return json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
    except json.JSONDecodeError:
        return text


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def check(condition: bool, message: str) -> None:
    """Raises `UsageError(message)` unless `condition`; for `__post_init__`."""
    if not condition:
        raise UsageError(message)
