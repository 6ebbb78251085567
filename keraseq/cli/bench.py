"""`keraseq bench` and `keraseq reproduce`."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table

from keraseq.cli.output import DataDir, Json, brief, console, errors, print_json
from keraseq.cli.search import names, pairs
from keraseq.config import parse
from keraseq.errors import UsageError

if TYPE_CHECKING:
    from keraseq.benchmarking.benchmark import Benchmark
    from keraseq.benchmarking.reproduce import Reproduction
    from keraseq.benchmarking.runs import Run


def bench(
    suite: Annotated[str, typer.Argument(help="Suite, or a TOML file of one's own; list tells the suites.")] = "smoke",
    models: Annotated[
        str | None, typer.Option("--models", "-m", help="Families, comma-separated, in place of those of the suite.")
    ] = None,
    tasks: Annotated[str, typer.Option(help="Wildcards for tasks or rows of the suite, comma-separated.")] = "*",
    seeds: Annotated[str | None, typer.Option(help="How many, or which: 3, or 0,1,2.")] = None,
    match: Annotated[
        str | None,
        typer.Option(help="Bring every model to one size: parameters=60000, flops=1e6 or step-time=20 (ms)."),
    ] = None,
    tuned: Annotated[
        int | None, typer.Option(min=0, help="Trials to find the settings of each family on each task first.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many, for a shorter look.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Runs at once.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of the CPU for each run; the cores are divided by default.")
    ] = None,
    memory: Annotated[float | None, typer.Option(help="GiB above which a run is killed.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Run again what failed before.")] = False,
    directory: Annotated[
        Path | None, typer.Option("--directory", "-d", help="Folder of the records; the same command goes on there.")
    ] = None,
    data_dir: DataDir = None,
    plan: Annotated[bool, typer.Option("--plan", "--dry-run", help="Print the runs, and run none of them.")] = False,
    json: Json = False,
) -> None:
    """Runs a suite of tasks: models × tasks × sizes × seeds, one record a run.

    Ctrl-C or a kill loses at most what runs: the same command goes on.
    """
    from keraseq.benchmarking.benchmark import benchmark
    from keraseq.benchmarking.view import LiveView, PlainView, SilentView

    if suite == "list":
        _list(json)
        return
    chosen: dict[str, Any] = {
        "models": None if models is None else names(models),
        "tasks": names(tasks),
        "seeds": None if seeds is None else _seeds(seeds),
    }
    altering: dict[str, Any] = {"match": _match(match), "tuned": tuned, "epochs": epochs}
    if plan:
        _plan(suite, chosen, altering, json)
        return
    with contextlib.ExitStack() as stack:
        view: Any = SilentView() if json else PlainView(console)
        if not json and console.is_terminal:
            view = stack.enter_context(LiveView(console))
        try:
            done = benchmark(
                suite,
                **chosen,
                **altering,
                workers=workers,
                threads=threads,
                memory=memory,
                again=again,
                directory=directory,
                data_dir=data_dir,
                view=view,
            )
        except KeyboardInterrupt:
            errors.print("keraseq: interrupted; nothing is lost: the same command goes on", highlight=False)
            raise typer.Exit(130) from None
    _show(done, json)
    if not any(record.completed for record in done.asked):
        raise typer.Exit(1)


def _seeds(text: str) -> int | list[int]:
    """`"3"` is three seeds, `"5,"` and `"0,1"` are lists."""
    found = [parse(part) for part in names(text)]
    if not found or not all(type(seed) is int for seed in found):
        raise UsageError(f"--seeds takes how many, such as 3, or which, such as 0,1,2; got {text!r}")
    return found if "," in text else found[0]


def _match(text: str | None) -> dict[str, list[float]] | None:
    """`"parameters=16000|60000"` as sizes of a measure; `"none"` as no sizes."""
    if text is None or text == "none":
        return None if text is None else {}
    found: dict[str, list[float]] = {}
    for name, value in pairs([text], "match").items():
        sizes = [parse(part) for part in value.split("|")]
        if not all(type(size) in (int, float) for size in sizes):
            raise UsageError(f"--match takes MEASURE=NUMBER, such as parameters=60000; got {text!r}")
        found[name] = sizes
    return found


def _list(json: bool) -> None:
    from keraseq.benchmarking.runs import plan
    from keraseq.benchmarking.suite import load_suite
    from keraseq.benchmarking.suite import names as suites

    found = {name: load_suite(name) for name in suites()}
    if json:
        print_json({name: {"description": one.description, "runs": len(plan(one))} for name, one in found.items()})
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("suite", "runs", "what for"):
        table.add_column(name, justify="right" if name == "runs" else "left")
    for name, one in found.items():
        table.add_row(name, str(len(plan(one))), one.description)
    console.print(table)


def _plan(suite: str, chosen: dict[str, Any], altering: dict[str, Any], json: bool) -> None:
    from keraseq.benchmarking.runs import plan
    from keraseq.benchmarking.suite import load_suite

    runs = plan(load_suite(suite).altered(**altering), **chosen)
    if json:
        print_json([_told(run) for run in runs])
        return
    table = Table(title=f"{suite}: {len(runs)} runs", box=box.SIMPLE_HEAD)
    for name in ("task", "family", "size", "settings", "training", "seeds"):
        table.add_column(name)
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    for group in groups.values():
        run = group[0]
        training = _changed(run)
        table.add_row(
            run.label,
            run.family,
            brief(dict(run.match)) or "as configured",
            brief(dict(run.config)) + (f" {run.tuned} trials" if run.tuned else ""),
            brief(training),
            " ".join(str(one.seed) for one in group),
        )
    console.print(table)


def _told(run: Run) -> dict[str, Any]:
    return {"id": run.id, **dataclasses.asdict(run)}


def _changed(run: Run) -> dict[str, Any]:
    """The settings of training that are not at their defaults."""
    from keraseq.config import settings_of
    from keraseq.training.settings import Training

    usual = settings_of(Training())
    return {name: value for name, value in run.training.items() if value != usual[name]}


def _show(done: Benchmark, json: bool) -> None:
    from keraseq.benchmarking.records import NAME
    from keraseq.benchmarking.view import growth_lines, table

    if json:
        told = [record.to_json() for record in done.asked]
        print_json({"directory": str(done.path), "problems": done.problems, "records": told})
        return
    console.print(table(done.asked))
    failed = sum(not record.completed for record in done.asked)
    lines = [f"{len(done.asked)} of {len(done.runs)} runs on record, {failed} not completed: {done.path / NAME}"]
    lines = [*growth_lines(done.asked), *done.problems, *lines]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def reproduce(
    record: Annotated[Path, typer.Argument(help="FOLDER/ID of a benchmark, or a file that holds one record.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than that of the record.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Runs a record again from its own settings, and says whether the same comes of it.

    Exits with 0 where the scores are the same or lie where those of one more seed are expected, else with 1.
    """
    from keraseq.benchmarking.reproduce import reproduce as run

    done = run(record, seed=seed, data_dir=data_dir)
    facts = {
        "record": done.record.id,
        "run": f"{done.record.label}, {done.record.family}, seed {done.record.seed if seed is None else seed}",
        "changed": done.changed,
        "metric": done.record.metric,
        "then": done.record.score,
        "now": done.score,
        "mean": None if done.mean is None else [done.mean.mean, done.mean.low, done.mean.high],
        "expected": done.expected,
        "exact": done.exact,
        "inside": done.inside,
        "verdict": done.verdict,
    }
    if json:
        print_json(facts)
    else:
        _facts(done, str(facts["run"]))
    if not done.confirmed:
        raise typer.Exit(1)


def _facts(done: Reproduction, run: str) -> None:
    table = Table(show_header=False, box=box.SIMPLE)
    table.add_row("run", run)
    table.add_row("changed since", "\n".join(done.changed) or "nothing: the same libraries, data and processor")
    for name, then, now in (
        ("validation", done.record.validation, done.validation),
        *((f"test {name}", done.record.test[name], done.test.get(name)) for name in done.record.test),
    ):
        table.add_row(name, f"{brief(then)} then, {brief(now)} now")
    if done.mean is not None and done.mean.low is not None:
        table.add_row(
            "over seeds",
            f"{brief(done.mean.mean)}, interval of the mean {brief(done.mean.low)} … {brief(done.mean.high)}",
        )
    console.print(table)
    console.print(done.verdict, highlight=False, markup=False, soft_wrap=True)
