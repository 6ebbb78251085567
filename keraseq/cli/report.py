"""`keraseq report` and `keraseq compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from keraseq.cli.output import Json, brief, console, print_json

if TYPE_CHECKING:
    from keraseq.benchmarking.compare import Comparison, Pair

SHOWN = 4  # settings that a line of a comparison names

Result = Annotated[Path, typer.Argument(help="Folder of a benchmark or study, or a file of records.")]


def report(
    paths: Annotated[
        list[Path], typer.Argument(metavar="RUN_OR_STUDY…", help="Folders of benchmarks and studies, files of records.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write: .html, .md or .csv.")] = None,
    format: Annotated[str | None, typer.Option(help="html, markdown or csv; by the name of the file else.")] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the report.")] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write scalars and HParams for TensorBoard into this new folder, too.")
    ] = None,
    json: Json = False,
) -> None:
    """A report of benchmarks and studies: one file that opens offline. Needs keraseq[report]."""
    from keraseq.benchmarking.report import FORMATS, check_format, format_of, write
    from keraseq.benchmarking.report.build import build
    from keraseq.benchmarking.results import load

    if out is None:
        out = Path(f"report{FORMATS[check_format(format or 'html')]}")
    kind = format_of(out, format)
    sources = [load(path) for path in paths]
    made = build(sources, title)
    write(made, out, kind)
    written = 0
    if tensorboard is not None:
        from keraseq.benchmarking.scalars import write_scalars

        written = write_scalars(sources, tensorboard)
    if json:
        sections = [section.title for section in made.sections]
        print_json({"out": str(out), "runs": len(made.rows), "sections": sections, "problems": list(made.warnings)})
        return
    lines = [*made.warnings, f"{len(made.rows)} runs → {out}"]
    if tensorboard is not None:
        lines.append(f"{written} runs → {tensorboard}: tensorboard --logdir {tensorboard}")
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def compare(first: Result, second: Result, json: Json = False) -> None:
    """Two benchmarks or studies side by side: the second less the first, with 95 % intervals.

    The second is better or worse where t-tests with Holm's correction say so; else both are tied, or, with fewer than 3
    seeds, undecided. Needs keraseq[report].
    """
    from keraseq.benchmarking.compare import compare as compared

    found = compared(first, second)
    if json:
        print_json({"first": str(first), "second": str(second), **found.to_json()})
        return
    if found.pairs:
        console.print(_table(found))
    lines = [
        *found.problems,
        *(f"only in {first}: {label}, {name}" for label, name in found.only_first),
        *(f"only in {second}: {label}, {name}" for label, name in found.only_second),
    ]
    if not found.pairs:
        lines.append("nothing is in both: rows are paired by their labels, and models by their names")
    if lines:
        console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _table(found: Comparison) -> Table:
    table = Table(title="second less first, 95 % bootstrap intervals over seeds", box=box.SIMPLE_HEAD)
    for name in (
        "task",
        "model",
        "score",
        "first",
        "second",
        "difference",
        "interval",
        "seeds",
        "second is",
        "differs in",
    ):
        numeric = name in ("first", "second", "difference", "interval")
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for pair in found.pairs:
        gap = pair.difference
        table.add_row(
            escape(pair.label),
            escape(pair.name),
            pair.metric,
            brief(pair.first),
            brief(pair.second),
            f"{gap.mean:+.3g}",
            "–" if gap.low is None or gap.high is None else f"{gap.low:+.3g} … {gap.high:+.3g}",
            f"{gap.seeds[0]} pairs" if gap.paired else f"{gap.seeds[1]} and {gap.seeds[0]}",
            pair.verdict,
            escape(_settings(pair)),
        )
    return table


def _settings(pair: Pair) -> str:
    told = [f"{name} {brief(one)} → {brief(other)}" for name, (one, other) in pair.settings.items()]
    return "; ".join(told[:SHOWN]) + (f"; {len(told) - SHOWN} more" if len(told) > SHOWN else "") or "–"
