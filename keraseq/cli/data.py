"""`keraseq data list` and `keraseq data prepare`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from keraseq.cli.output import DataDir, Json, brief, console, errors, print_json, settings
from keraseq.quiet import quiet_imports
from keraseq.registry import BrokenPluginError, DuplicateNameError, tasks

app = typer.Typer(help="Data sets: what there is, and preparing them.", no_args_is_help=True)


@app.command("list")
def list_tasks(json: Json = False) -> None:
    """Registered tasks. Any TFDS name with one text or sequence feature and one label can be given besides."""
    rows = []
    for name in tasks.names():
        try:
            rows.append(tasks.describe(name))
        except (BrokenPluginError, DuplicateNameError) as error:
            errors.print(f"keraseq: {error}", highlight=False, markup=False, soft_wrap=True)
    if json:
        print_json([{"name": r.name, "tags": r.tags, "summary": r.summary, "reference": r.reference} for r in rows])
        return
    table = Table(caption="Any other TFDS name with one text or sequence feature and one label works too.")
    for column in ("task", "tags", "what it is"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.name, ", ".join(row.tags), row.summary)
    console.print(table)


@app.command()
def prepare(
    names: Annotated[list[str], typer.Argument(help="Task names.")],
    sets: Annotated[list[str] | None, typer.Option("--set", help="task.NAME=VALUE; may be repeated.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Downloads, prepares and caches tasks, and prints what they are."""
    from keraseq.tasks import load_task

    with quiet_imports():
        import tensorflow  # noqa: F401 (TFDS would import it, and not quietly)

    given = settings(sets or (), ("task",))["task"]
    summaries = [load_task(name, data_dir=data_dir, **given).summary() for name in names]
    if json:
        print_json(summaries)
        return
    for summary in summaries:
        table = Table(title=summary["name"], show_header=False)
        for key, value in summary.items():
            table.add_row(key, brief(value))
        console.print(table)
