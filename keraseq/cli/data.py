"""`keraseq data list`, `prepare`, `show` and `speed`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from keraseq.cli.output import DataDir, Json, brief, console, errors, print_json, settings
from keraseq.quiet import quiet_imports
from keraseq.registry import BrokenPluginError, DuplicateNameError, models, tasks

if TYPE_CHECKING:
    from keraseq.tasks import Task

LONGEST = 600  # characters of an example that are shown

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
    manual_dir: Annotated[
        str | None, typer.Option("--manual-dir", help="Folder of files that are taken before any is downloaded.")
    ] = None,
    json: Json = False,
) -> None:
    """Downloads, prepares and caches tasks, and prints what they are.

    Without a network it names each missing file, its checksum and the folder to put it in.
    """
    from keraseq.tasks.source import manual_files

    with manual_files(manual_dir):
        summaries = [task.summary() for task in _load(names, sets, data_dir)]
    if json:
        print_json(summaries)
        return
    for summary in summaries:
        console.print(summary_table(summary))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Task name.")],
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "train",
    n: Annotated[int, typer.Option("-n", min=1, help="How many examples.")] = 3,
    sets: Annotated[list[str] | None, typer.Option("--set", help="task.NAME=VALUE; may be repeated.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Prints examples of a task as they are before they are encoded, each with what is asked for."""
    (task,) = _load([name], sets, data_dir)
    pairs = [(given, task.read_target(target)) for given, target in task.raw(split, n)]
    if json:
        print_json([{"input": _plain(given), "target": target} for given, target in pairs])
        return
    table = Table(title=f"{task.name}: {split}", caption=f"asked for: {task.output.kind}", show_lines=True)
    table.add_column("input", overflow="fold")
    table.add_column("target", overflow="fold")
    for given, target in pairs:
        words = isinstance(given, list)
        sides = _tagged(given, target) if words and task.output.targets == "steps" else (given, target)
        table.add_row(*(escape(_short(side)) for side in sides))
    console.print(table)


@app.command()
def speed(
    names: Annotated[list[str], typer.Argument(help="Task names.")],
    model: Annotated[str, typer.Option("--model", help="Family that is trained on the batches.")] = "gru",
    steps: Annotated[int, typer.Option(min=1, help="Training steps that are measured at most.")] = 50,
    sets: Annotated[list[str] | None, typer.Option("--set", help="task.NAME=VALUE; may be repeated.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """How fast tasks give batches: padding, batches a second alone, the share of training spent waiting for them."""
    models.entry(model)
    table = Table(caption=f"waiting: share of a training step of {model} at its defaults")
    for column in ("task", "padding", "batches/s alone", "examples/s alone", "steps/s", "waiting"):
        table.add_column(column, justify="left" if column == "task" else "right")
    found = {}
    for task in _load(names, sets, data_dir):
        from keraseq.diagnostics import feeding
        from keraseq.models import create_model

        told = found[task.name] = feeding(task, create_model(model, task, seed=0), steps)
        shares = {name: f"{told[name]:.1%}" for name in ("padding", "waiting")}
        rates = [f"{told[f'{what}_per_second']:.4g}" for what in ("batches", "examples", "steps")]
        table.add_row(task.name, shares["padding"], *rates, shares["waiting"])
    if json:
        print_json(found)
    else:
        console.print(table)


def _load(names: list[str], sets: list[str] | None, data_dir: str | None) -> Iterator[Task]:
    """The tasks, one after another, all with the same settings."""
    from keraseq.tasks import load_task

    with quiet_imports():
        import tensorflow  # noqa: F401 (TFDS would import it, and not quietly)

    given = settings(sets or (), ("task",))["task"]
    for name in names:
        yield load_task(name, data_dir=data_dir, **given)


def summary_table(summary: dict[str, Any]) -> Table:
    """What `Task.summary` tells, for people."""
    table = Table(title=summary["name"], show_header=False)
    for key, value in summary.items():
        table.add_row(key, brief(value), end_section=key == "settings")
    return table


def _plain(given: Any) -> Any:
    """A raw input as text, or as lists."""
    return given.tolist() if hasattr(given, "tolist") else given


def _tagged(words: list[str], labels: list[Any]) -> tuple[str, str]:
    """Words as a text, and each with its label: `Anna/B-PER sings/O`."""
    return " ".join(words), " ".join(f"{word}/{label}" for word, label in zip(words, labels, strict=True))


def _short(value: Any) -> str:
    """A value as text, without its middle where it is long."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=40, precision=3)
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
