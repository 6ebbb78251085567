"""All checks of all registered components as pytest parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from keraseq.errors import UsageError, unknown
from keraseq.testing.layers import LAYERS
from keraseq.testing.models import MODELS
from keraseq.testing.suite import Case, Check, NotRunError, Suite, describe
from keraseq.testing.tasks import TASKS

SUITES: dict[str, Suite] = {suite.kind: suite for suite in (LAYERS, MODELS, TASKS)}
"""The checks of each kind of component that has some."""

Run = Callable[[str, Case], None]


def suite_of(kind: str) -> Suite:
    """The checks of a kind; raises UsageError where there are none."""
    if kind not in SUITES:
        raise UsageError(unknown("kind with checks", kind, SUITES))
    return SUITES[kind]


def parametrize_checks(kind: str, names: Iterable[str] | None = None) -> Any:
    """Decorator: runs a test function with every check of every case of every registered component of a kind.

    The function takes `name`, `case` and `check`, and calls `check(name, case)`. What is expected to fail is marked so,
    strictly and with its reason; what a tag does not ask for is skipped.

    Args:
        kind: `"layers"`, `"models"` or `"tasks"`.
        names: components to check; by default all that are registered, built in or by plugins.

    Raises:
        UsageError: unknown kind or name.

    Example:
        >>> @parametrize_checks("layers", ["my_layer"])             # doctest: +SKIP
        ... def test_my_layer(name, case, check):
        ...     check(name, case)
    """
    import pytest

    suite = suite_of(kind)
    parameters = []
    for name in suite.registry.names() if names is None else names:
        for number, case in enumerate(suite.registry.entry(name).cases):
            for check in suite.checks:
                reason = suite.expected(name, check)
                marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)]
                label = f"{name}-{number}-{check.__name__}"
                parameters.append(pytest.param(name, case, _runner(suite, check), id=label, marks=marks))
    return pytest.mark.parametrize(("name", "case", "check"), parameters)


def _runner(suite: Suite, check: Check) -> Run:
    import pytest

    def run(name: str, case: Case) -> None:
        try:
            reason = suite.run(check, name, case)
        except AssertionError as error:
            raise AssertionError(f"{check.__name__}: {error} [{name}: {describe(case)}]") from error
        except NotRunError as missing:
            reason = str(missing)
        if reason is not None:
            pytest.skip(reason)

    return run
