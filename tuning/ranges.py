"""Ranges narrowed and settings fixed by the user: what their names and texts stand for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from keraseq.config import Choice, Field, Float, Int, Range, check, configure, fields, parse
from keraseq.errors import UsageError, unknown
from keraseq.registry import models
from keraseq.training.settings import Training


def known_settings(families: Iterable[str], task: type) -> dict[str, Field]:
    """Every setting that a search can fix or range over: `tcn/filters`, `learning_rate`, `task.batch_size`."""
    found = {f"{family}/{field.name}": field for family in families for field in fields(models.get(family))}
    found |= {field.name: field for field in fields(Training)}
    return found | {f"task.{field.name}": field for field in fields(task)}


def expanded(given: Mapping[str, Any], known: Mapping[str, Field], option: str) -> dict[str, Any]:
    """Full names for those given: `dropout` is that of every family that has it, `training.epochs` is `epochs`.

    Raises:
        UsageError: no setting has the name.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        plain = name.removeprefix("training.")
        full = [plain] if plain in known else [key for key in known if key.endswith(f"/{plain}")]
        if not full:
            names = {*known, *(key.rpartition("/")[2] for key in known)}
            raise UsageError(f"{option} {name}: {unknown('setting', name, names)}")
        found |= dict.fromkeys(full, value)
    return found


def range_of(value: Any, name: str, field: Field) -> Range:
    """The range that a user means.

    Args:
        value: a range, a list of values, or text: `16:128`, `16:128:8` in steps of 8, `1e-4:1e-2:log` or `:linear`, or
            `mean|max`. Whether it is logarithmic follows the setting's own range where nothing is said.
        name: of the setting, for messages.
        field: the setting.

    Raises:
        UsageError: it is not a range of such a setting.
    """
    form = "a range is low:high, low:high:step, low:high:log, low:high:linear, or values such as a|b|c"
    if isinstance(value, Int | Float | Choice):
        return value
    if isinstance(value, str) and "|" not in value:
        parts = [parse(part) for part in value.split(":")]
        numbers = [part for part in parts[:2] if isinstance(part, int | float) and not isinstance(part, bool)]
        check(len(parts) in (2, 3) and len(numbers) == 2, f"{name}: {form}; got {value!r}")
        low, high = numbers
        last = parts[2] if len(parts) == 3 else None
        step = last if isinstance(last, int) else 1
        check(last in ("log", "linear", None) or isinstance(last, int), f"{name}: {form}; got {value!r}")
        log = last == "log" or (last is None and bool(getattr(field.range, "log", False)) and low > 0)
        check(low < high, f"{name}: the low end of a range must be below the high end; got {value!r}")
        check(low > 0 or not log, f"{name}: a logarithmic range must be above 0; got {value!r}")
        check(field.type in (int, float), f"{name} is not a number; give values: a|b|c; got {value!r}")
        if field.type is float:
            return Float(float(low), float(high), log)
        check(isinstance(low, int) and isinstance(high, int) and step > 0, f"{name} is a whole number; got {value!r}")
        return Int(int(low), int(high), step, log)
    values = [parse(part) for part in value.split("|")] if isinstance(value, str) else list(value)
    check(len(values) > 1 and len(set(map(repr, values))) == len(values), f"{name}: {form}; got {value!r}")
    return Choice(*(typed(one, name, field) for one in values))


def typed(value: Any, name: str, field: Field) -> Any:
    """A value as the type of its setting.

    Raises:
        UsageError: it is of another type.
    """
    holder = dataclasses.make_dataclass("Setting", [(field.name, field.type)])
    return getattr(configure(holder, {field.name: value}, name), field.name)


def to_json(where: Range) -> dict[str, Any]:
    """A range as plain data."""
    return {"values": list(where.values)} if isinstance(where, Choice) else dataclasses.asdict(where)


def from_json(data: Mapping[str, Any], field: Field) -> Range:
    """The range that `to_json` wrote of a setting."""
    if "values" in data:
        return Choice(*data["values"])
    return Float(**data) if field.type is float else Int(**data)


def nearest(value: Any, where: Range) -> Any:
    """The value of a range that is nearest to `value`; of choices itself, or else the first."""
    match where:
        case Int(low, high, step):
            inside = min(max(value, low), high) if isinstance(value, int | float) else low
            return min(low + round((inside - low) / step) * step, high - (high - low) % step)
        case Float(low, high):
            return min(max(value, low), high) if isinstance(value, int | float) else low
        case Choice(values):
            return value if value in values else values[0]
