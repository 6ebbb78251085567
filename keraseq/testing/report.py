"""What came of checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["passed", "failed", "expected", "not asked"]


@dataclass(frozen=True)
class Result:
    """One check of one case.

    Attributes:
        check: name of the check.
        case: the settings that it ran with, as text.
        status: `"passed"`, `"failed"`, `"expected"` (it failed, as the registration says it does) or `"not asked"`
            (what a tag or the shape of an output says makes it pointless).
        message: why it failed, why that is expected, or why it is not asked.
    """

    check: str
    case: str
    status: Status
    message: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of one component.

    Attributes:
        kind: `"layers"`, `"models"` or `"tasks"`.
        name: the registered name, or what else was checked.
        cases: the settings of each case, as text.
        results: one for each check and case.
        stepping: the largest difference between running step by step and calling, where that was checked.
        seconds: how long all of it took.
        not_run: why nothing was checked, or None.
    """

    kind: str
    name: str
    cases: tuple[str, ...] = ()
    results: tuple[Result, ...] = field(default=(), repr=False)
    stepping: float | None = None
    seconds: float = 0.0
    not_run: str | None = None

    def of(self, status: Status) -> tuple[Result, ...]:
        """The results that ended so."""
        return tuple(result for result in self.results if result.status == status)

    @property
    def ran(self) -> int:
        """Checks that were asked for, over all cases."""
        return len(self.results) - len(self.of("not asked"))

    def raise_failures(self) -> None:
        """Raises AssertionError with one line for each failed check, if there is one."""
        failed = self.of("failed")
        if failed:
            lines = "\n".join(f"{result.check}: {result.message} [{result.case}]" for result in failed)
            raise AssertionError(f"{self.kind} {self.name}\n{lines}")
