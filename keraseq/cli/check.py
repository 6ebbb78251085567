"""`keraseq check`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from keraseq import config
from keraseq.cli.output import DataDir, Json, console, errors, print_json
from keraseq.errors import UsageError, unknown
from keraseq.quiet import quiet_imports
from keraseq.registry import KINDS

if TYPE_CHECKING:
    from keraseq.testing import Report
    from keraseq.testing.report import Status
    from keraseq.testing.suite import Case

CHECKED = ("layers", "models", "tasks")


def check(
    names: Annotated[list[str] | None, typer.Argument(help="Of layers, models or tasks.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check all that is registered, plugins included.")] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Layers alone: all, or those named.")] = False,
    models: Annotated[bool, typer.Option("--models", help="Models alone: all, or those named.")] = False,
    tasks: Annotated[bool, typer.Option("--tasks", help="Tasks alone: all, or those named.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Runs the conformance checks on layers, models and tasks; exits with 1 where one fails.

    With KERAS_BACKEND=jax layers and models are checked on JAX. Tasks whose data are not on this machine are not run.
    """
    kinds = [of for of, asked in zip(CHECKED, (layers, models, tasks), strict=True) if asked]
    config.check(
        bool(names or kinds) != everything,
        "give names to check, or kinds of which all are checked, such as --tasks, or --all alone; got none of these or "
        "--all with others",
    )
    chosen = _choose(names or [], kinds or list(CHECKED))
    with quiet_imports():
        from keraseq import testing

    reports = []
    for of, name in chosen:
        with errors.status(f"{of} {name}"):
            cases = _in_folder(KINDS[of].entry(name).cases, data_dir) if of == "tasks" and data_dir else None
            reports.append(testing.SUITES[of].examine(name, cases))
        errors.print(_line(reports[-1]), highlight=False, soft_wrap=True)
        _free_memory()
    if json:
        print_json({"backend": _backend(), "reports": [_plain(report) for report in reports]})
    else:
        _show(reports)
    if any(report.of("failed") for report in reports):
        raise typer.Exit(1)


def _in_folder(cases: Iterable[Case], data_dir: str) -> tuple[Case, ...]:
    """The registered cases of a task, with their data in this folder."""
    from keraseq.testing import DATA_DIR
    from keraseq.testing.suite import resolve

    return tuple({**resolve(case), DATA_DIR: data_dir} for case in cases)


def _choose(names: list[str], kinds: list[str]) -> list[tuple[str, str]]:
    """Kind and name of all that is asked for; without names, of all that there is."""
    if not names:
        return [(of, name) for of in kinds for name in KINDS[of].names()]
    chosen = []
    for name in names:
        found = [(of, name) for of in kinds if KINDS[of].knows(name)]
        if not found:
            raise UsageError(unknown("component", name, [known for of in kinds for known in KINDS[of].names()]))
        chosen += found
    return chosen


def _plain(report: Report) -> dict[str, Any]:
    counts = {status.replace(" ", "_"): len(report.of(status)) for status in ("passed", "failed", "expected")}
    return {**asdict(report), "ran": report.ran, **counts}


def _show(reports: list[Report]) -> None:
    table = Table(caption=f"on {_backend()}; stepping: the largest difference from calling")
    table.add_column("component", no_wrap=True)
    for column in ("cases", "run", "passed", "failed", "expected", "stepping", "s"):
        table.add_column(column, justify="right", no_wrap=True)
    for report in reports:
        if report.not_run is not None:
            table.add_row(f"{report.kind} {report.name}", "–", "–")
            continue
        counts = [str(len(report.of(status))) for status in ("passed", "failed", "expected")]
        stepping = "–" if report.stepping is None else f"{report.stepping:.1e}"
        row = [f"{report.kind} {report.name}", str(len(report.cases)), str(report.ran), *counts, stepping]
        table.add_row(*row, f"{report.seconds:.1f}", style="red" if report.of("failed") else None)
    console.print(table)
    _list("expected failures", [line for report in reports for line in _lines(report, "expected")])
    _list("not run", [f"{report.kind} {report.name}: {report.not_run}" for report in reports if report.not_run])
    _list("failures", [line for report in reports for line in _lines(report, "failed")])
    console.print(_totals(reports), highlight=False, soft_wrap=True)


def _totals(reports: list[Report]) -> str:
    """One sentence about all reports."""
    statuses: tuple[Status, ...] = ("passed", "failed", "expected", "not asked")
    passed, failed, expected, not_asked = (sum(len(report.of(status)) for report in reports) for status in statuses)
    ran, seconds = sum(report.ran for report in reports), sum(report.seconds for report in reports)
    components = sum(report.not_run is None for report in reports)
    away = max((report.stepping for report in reports if report.stepping is not None), default=None)
    return (
        f"{ran} checks of {components} components in {seconds:.0f} s: {passed} passed, {failed} failed, "
        f"{expected} failed as expected; {not_asked} not asked for"
        + ("" if away is None else f"; stepping differs from calling by at most {away:.1e}")
    )


def _line(report: Report) -> str:
    """What came of one component, told as soon as it is known."""
    if report.not_run is not None:
        return f"{report.kind} {report.name}: not run"
    return (
        f"{report.kind} {report.name}: {report.ran} checks, {len(report.of('failed'))} failed, {report.seconds:.0f} s"
    )


def _lines(report: Report, status: Status) -> list[str]:
    """The results of a component that ended so; what ended so alike for several cases, once."""
    found: dict[str, list[str]] = {}
    for result in report.of(status):
        found.setdefault(f"{report.kind} {report.name}: {result.check}: {result.message}", []).append(result.case)
    return [f"{line} [{'; '.join(cases)}]" for line, cases in found.items()]


def _list(title: str, lines: list[str]) -> None:
    if lines:
        console.print(f"[bold]{title}[/]", highlight=False)
    for line in lines:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def _free_memory() -> None:
    """Lets go of what was compiled for one component: for all of them it is gigabytes."""
    import keras

    keras.utils.clear_session()
    if _backend() == "jax":
        import jax

        jax.clear_caches()


def _backend() -> str:
    import keras

    return keras.backend.backend()
