"""The application: its commands, and what becomes of errors."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from keraseq import __version__
from keraseq.cli import bench, catalogue, check, data, doctor, inspect, predict, report, search, study, train
from keraseq.cli.output import errors
from keraseq.errors import KeraseqError, UsageError

app = typer.Typer(
    name="keraseq",
    help="Which sequence architecture is best for your data, within your budget?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(catalogue.list_names)
app.command()(catalogue.describe)
app.add_typer(data.app, name="data")
app.command()(train.train)
app.command()(inspect.inspect)
app.command()(search.search)
app.command()(search.leaderboard)
app.add_typer(study.app, name="study")
app.command()(bench.bench)
app.command()(bench.reproduce)
app.command()(report.report)
app.command()(report.compare)
app.command()(predict.predict)
app.command()(check.check)
app.command()(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of all commands."""


def main() -> None:
    """Runs the command line: exit code 0 for success, 2 for bad usage, 1 for failure, 75 after SIGTERM, 130 after
    Ctrl-C.
    """
    try:
        app()
    except UsageError as error:
        errors.print(f"keraseq: {error}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
    except KeraseqError as error:
        errors.print(f"keraseq: {error}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("keraseq: interrupted", highlight=False)
        sys.exit(130)
