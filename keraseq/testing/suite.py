"""Running checks on what is registered.

A check is a function of a *subject*, what it examines with what checks share; it raises AssertionError, or tells why it
does not apply.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from keraseq.errors import KeraseqError, unknown
from keraseq.registry import Entry, Registry
from keraseq.testing.report import Report, Result

Check = Callable[[Any], str | None]
"""A function of a subject. It gives None, or the reason why it is not asked for, and raises AssertionError."""

Case = Mapping[str, Any] | Callable[[], Mapping[str, Any]]

REGISTRATION = "check_registration"
LONGEST = 600  # characters of the message of an error that is not an assertion


class Subject(Protocol):
    """What checks examine."""

    measured: dict[str, float]


class NotRunError(KeraseqError):
    """A component cannot be examined here and now: what it needs is not on this machine."""


def only_if(condition: Callable[[Any], bool], otherwise: str) -> Callable[[Callable[[Any], None]], Check]:
    """Decorator: the check is asked for where `condition` holds of its subject; `otherwise` is why it is not."""

    def decorate(check: Callable[[Any], None]) -> Check:
        @functools.wraps(check)
        def run(subject: Any) -> str | None:
            if not condition(subject):
                return otherwise
            check(subject)
            return None

        return run

    return decorate


@dataclass
class Suite:
    """The checks of one kind of component.

    Attributes:
        kind: name of the kind, a key of `keraseq.registry.KINDS`.
        registry: where the components are.
        checks: in the order in which they run.
        subject: from an entry and a case to what the checks examine.
    """

    kind: str
    registry: Registry
    checks: tuple[Check, ...]
    subject: Callable[[Entry, Case], Any]
    _last: tuple[Entry, Case, Any] | None = field(default=None, repr=False)

    def examine(self, name: str, cases: tuple[Case, ...] | None = None) -> Report:
        """Runs every check on every case of a registered component.

        Args:
            name: registered name or alias.
            cases: settings to run with, instead of those it was registered with.
        """
        entry = self.registry.entry(name)
        cases = entry.cases if cases is None else cases
        if not cases:
            return Report(self.kind, entry.name, not_run="it is registered without cases")
        start = time.perf_counter()
        results: list[Result] = []
        measured: dict[str, float] = {}
        for case in cases:
            try:
                subject = self._of(entry, case)
            except NotRunError as reason:
                return Report(self.kind, entry.name, not_run=str(reason))
            results += [_result(check, subject, describe(case), entry.expected_failures) for check in self.checks]
            for key, value in subject.measured.items():
                measured[key] = max(value, measured.get(key, 0.0))
        self._last = None
        return Report(
            kind=self.kind,
            name=entry.name,
            cases=tuple(map(describe, cases)),
            results=tuple(results),
            stepping=measured.get("stepping"),
            seconds=time.perf_counter() - start,
        )

    def examine_subject(self, name: str, subject: Subject) -> Report:
        """Runs every check on something that need not be registered."""
        start = time.perf_counter()
        results = tuple(_result(check, subject, name, {}) for check in self.checks)
        seconds = time.perf_counter() - start
        return Report(self.kind, name, (name,), results, subject.measured.get("stepping"), seconds)

    def run(self, check: Check, name: str, case: Case) -> str | None:
        """One check on one case of a registered component; what checks share is kept until another case comes."""
        return guarded(check, self._of(self.registry.entry(name), case))

    def expected(self, name: str, check: Check) -> str | None:
        """Why a registered component is expected to fail a check, or None."""
        return _expected(check, self.registry.entry(name).expected_failures)

    def _of(self, entry: Entry, case: Case) -> Any:
        """The subject of a case: the one of the call before, where that was the same."""
        if self._last is None or self._last[0] is not entry or self._last[1] is not case:
            self._last = (entry, case, self.subject(entry, case))
        return self._last[2]


def resolve(case: Case) -> Mapping[str, Any]:
    """The settings of a case, made by its function where it is one."""
    return case() if callable(case) else case


def describe(case: Case) -> str:
    """The settings of a case as text."""
    return ", ".join(f"{key}={_brief(value)}" for key, value in resolve(case).items()) or "defaults"


def check_entry(entry: Entry, tags: frozenset[str], checks: tuple[Check, ...]) -> None:
    """What holds of every registration: known tags, and expected failures of known checks, each with a reason.

    Args:
        entry: the registration.
        tags: all that this kind of component may carry.
        checks: the checks of the kind.
    """
    for tag in entry.tags - tags:
        raise AssertionError(unknown("tag", tag, tags))
    names = {check.__name__ for check in checks} - {REGISTRATION}
    for name, reason in entry.expected_failures.items():
        assert name in names, f"expected_failures: {unknown('check', name, names)}"
        assert reason.strip(), f"expected_failures: {name} is given no reason"


def _result(check: Check, subject: Any, case: str, expected_failures: Mapping[str, str]) -> Result:
    name, expected = check.__name__, _expected(check, expected_failures)
    try:
        reason = guarded(check, subject)
    except AssertionError as error:
        if expected is not None:
            return Result(name, case, "expected", expected)
        return Result(name, case, "failed", str(error))
    if reason is not None:
        return Result(name, case, "not asked", reason)
    if expected is not None:
        return Result(name, case, "failed", f"passes, though it is expected to fail: {expected}")
    return Result(name, case, "passed")


def guarded(check: Check, subject: Any) -> str | None:
    """Runs a check; whatever goes wrong in it is a failed assertion."""
    try:
        return check(subject)
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {_one_line(str(error))}") from error


def _one_line(message: str) -> str:
    """A message without the colours and the lines that Keras gives it, cut where it is long."""
    plain = " ".join(re.sub(r"\x1b\[\d+m", "", message).split())
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST // 2]} … {plain[-LONGEST // 2 :]}"


def _expected(check: Check, expected_failures: Mapping[str, str]) -> str | None:
    """Why a check is expected to fail; the one of the registration itself never is."""
    return None if check.__name__ == REGISTRATION else expected_failures.get(check.__name__)


def _brief(value: Any) -> str:
    """A setting; a component goes by the name of its class."""
    plain = value is None or isinstance(value, bool | int | float | str | tuple | list | dict)
    return repr(value) if plain else type(value).__name__
