"""Configurations: fields, types from text, refusals."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from keraseq.config import Choice, Float, Int, check, configure, fields, settings_of
from keraseq.errors import UsageError


@dataclass(frozen=True)
class Net:
    units: Annotated[int, Int(8, 64, log=True), "size of the state"] = 16
    rate: Annotated[float, Float(0.0, 0.5), "dropout"] = 0.1
    kind: Annotated[str, Choice("a", "b"), "which"] = "a"
    both: Annotated[bool, "two directions"] = False
    limit: Annotated[int | None, "most steps"] = None
    mode: Annotated[bool | str, "true, false or auto"] = "auto"

    def __post_init__(self):
        check(self.units >= 1, f"units must be at least 1; got {self.units}")


def test_fields_carry_everything():
    first = fields(Net)[0]
    assert (first.name, first.type, first.default, first.range) == ("units", int, 16, Int(8, 64, log=True))
    assert first.meaning == "size of the state"
    assert [f.range is None for f in fields(Net)] == [False, False, False, True, True, True]
    assert [str(f.range) for f in fields(Net)[:3]] == ["8 … 64, log", "0 … 0.5", "a | b"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("units", "32", 32),
        ("rate", "1", 1.0),
        ("rate", "1e-3", 0.001),
        ("kind", "b", "b"),
        ("kind", "7", "7"),
        ("both", "true", True),
        ("both", "False", False),
        ("limit", "null", None),
        ("limit", "9", 9),
        ("mode", "true", True),
        ("mode", "auto", "auto"),
    ],
)
def test_text_is_read_as_the_type_of_the_field(name, text, value):
    read = getattr(configure(Net, {name: text}, "net"), name)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": 1}, r"net: no setting named 'unit'; did you mean 'units'\?"),
        ({"units": "many"}, r"net: units must be int \(size of the state\); got 'many'"),
        ({"units": 1.5}, "units must be int"),
        ({"units": True}, "units must be int"),
        ({"both": 1}, "both must be bool"),
        ({"limit": "x"}, "limit must be int or null"),
        ({"units": 0}, "units must be at least 1; got 0"),
    ],
)
def test_refusals_say_got_and_wanted(settings, message):
    with pytest.raises(UsageError, match=message):
        configure(Net, settings, "net")


def test_settings_survive_a_round_trip():
    net = Net(units=9, limit=3)
    assert configure(Net, settings_of(net), "net") == net
