"""Every registered family passes every check, at its defaults and in the variants that it is registered with."""

from typing import get_args

import pytest

from keraseq.models import Output
from keraseq.models.inputs import Inputs
from keraseq.testing import MODELS, parametrize_checks
from keraseq.testing.models.case import INPUTS, OUTPUTS, FamilyCase


@parametrize_checks("models")
def test_conformance(name, case, check) -> None:
    check(name, case)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gru", {"bidirectional": True, "layers": 2}),
        ("lstm", {"bidirectional": True, "pooling": "mean"}),
        ("tcn", {"weight_norm": False, "levels": 2}),
    ],
)
def test_variants(name, settings) -> None:
    case = FamilyCase.registered(MODELS.registry.entry(name), settings)
    for check in MODELS.checks:
        if check.__name__ in ("check_padding", "check_saving", "check_outputs", "check_directed"):
            check(case)


def test_every_kind_of_input_and_output_is_tried() -> None:
    assert {type(output) for output in OUTPUTS.values()} == set(get_args(Output))
    assert {type(inputs) for inputs in INPUTS.values()} == set(get_args(Inputs))
