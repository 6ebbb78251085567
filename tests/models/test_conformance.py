"""Every registered family passes every check."""

import pytest

from keraseq.registry import models
from keraseq.testing import MODEL_CHECKS


@pytest.mark.parametrize("check", MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", models.names())
def test_conformance(name, check) -> None:
    check(name, {})


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gru", {"bidirectional": True, "layers": 2}),
        ("lstm", {"bidirectional": True, "pooling": "mean"}),
        ("transformer", {"positions": "learned"}),
        ("transformer", {"positions": "sinusoidal", "heads": 1}),
    ],
)
def test_variants(name, settings) -> None:
    for check in MODEL_CHECKS:
        if check.__name__ in ("check_padding", "check_saving", "check_every_task"):
            check(name, settings)
