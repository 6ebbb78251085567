"""Families keep their numbers of parameters: those at their defaults are kept in `parameter_counts.json`.

After a change that is meant to alter them: python tests/models/test_parameter_counts.py
"""

import json
from pathlib import Path

import pytest

from keraseq.models import Classification, Features, Tokens, Translation, count_parameters, create_model
from keraseq.registry import models
from keraseq.testing.models.case import Asked

FILE = Path(__file__).with_name("parameter_counts.json")
ASKED = {
    "tokens to classification": Asked(Tokens(100), Classification(tuple("abcd"))),
    "features to classification": Asked(Features(3, length=50), Classification(tuple("abcd"))),
    "tokens to translation": Asked(Tokens(100), Translation(60, start=1, end=2)),
}


def counts(name: str) -> dict[str, int]:
    """Kind of task → trainable parameters of a family at its defaults."""
    family = models.get(name)()
    asked = {kind: what for kind, what in ASKED.items() if "translation" not in kind or _decodes(family)}
    return {kind: count_parameters(create_model(name, what)) for kind, what in asked.items()}


def _decodes(family) -> bool:
    from keraseq.errors import UsageError

    try:
        family.directed(causal=True)
    except UsageError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(models.builtin))
def test_parameter_counts(name) -> None:
    assert counts(name) == json.loads(FILE.read_text())[name]


def test_no_count_is_left_over() -> None:
    assert sorted(json.loads(FILE.read_text())) == sorted(models.builtin)


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: counts(name) for name in sorted(models.builtin)}, indent=1) + "\n")
