"""`keraseq study list`, `show`, `trial`, `export` and `plot`."""

from __future__ import annotations

import json as json_format
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from keraseq.cli.output import Json, brief, console, print_json
from keraseq.registry import models

if TYPE_CHECKING:
    from keraseq.tuning.study import Study

app = typer.Typer(help="Studies: what searches found, trial by trial.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study.")]

_SHOWN = 3  # settings whose importance a line names


@app.command("list")
def list_studies(
    folder: Annotated[Path, typer.Argument(help="Folder below which studies are looked for.")] = Path("studies"),
    json: Json = False,
) -> None:
    """Studies in a folder and below it, and whether a search goes on in them now."""
    from keraseq.tuning.results.overview import overview, studies_below

    found = [overview(path) for path in studies_below(folder)]
    if json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print(f"no study in {folder}: keraseq search makes one", highlight=False, markup=False, soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("task", "families", "trials", "failed", "best", "search", "folder"):
        table.add_column(name, justify="right" if name in ("trials", "failed") else "left", overflow="fold")
    for one in found:
        best = f"{one.metric} {one.best:.4g}" if one.best is not None else "–"
        table.add_row(
            one.task or "–",
            " ".join(one.families) or "–",
            "–" if one.problem else str(one.ended),
            "–" if one.problem else str(one.failed),
            "damaged" if one.problem else best,
            f"process {one.held_by}" if one.held_by else "–",
            escape(one.path),
        )
    console.print(table)
    for one in found:
        if one.problem:
            console.print(one.problem, highlight=False, markup=False, soft_wrap=True)


@app.command()
def show(study: Folder, json: Json = False) -> None:
    """A study: plan, leaderboard, Pareto front, what settings matter, what failed, the time it took."""
    from keraseq.tuning.results.overview import failures, spent
    from keraseq.tuning.study import Study, holder
    from keraseq.tuning.view import front_table, leaderboard_table

    opened = Study(study)
    rows, front, weights, time = opened.leaderboard(), opened.front(), opened.importance(), spent(opened)
    lost, held = failures(opened.all_records()), holder(opened.path)
    dashboard = f"optuna-dashboard {shlex.quote(opened.url)}"
    if json:
        print_json(
            {
                "study": str(opened.path),
                "task": opened.task,
                "plan": opened.plan.to_json(),
                "held_by": held,
                "leaderboard": [row.to_json() for row in rows],
                "objectives": list(opened.plan.fronted),
                "front": [{"trial": r.name, **vars(r)} for r in front],
                "importance": [asdict(one) for one in weights],
                "failures": [asdict(one) for one in lost],
                "seconds": time,
                "dashboard": dashboard,
            }
        )
        return
    console.print(_plan_table(opened))
    console.print(leaderboard_table(opened, rows))
    if front:
        console.print(front_table(opened, front))
    table = Table(title="share of each setting in the variance of the score", box=box.SIMPLE_HEAD)
    for name in ("family", "trials", "settings"):
        table.add_column(name, justify="right" if name == "trials" else "left", overflow="fold")
    for one in weights:
        shares = [f"{name.rpartition('/')[2]} {share:.0%}" for name, share in (one.shares or {}).items()]
        table.add_row(one.family, str(one.trials), ", ".join(shares) or f"– {one.reason}")
    console.print(table)
    if lost:
        table = Table(title="failures", box=box.SIMPLE_HEAD)
        for name in ("outcome", "trials", "message of the first"):
            table.add_column(name, justify="left", overflow="fold")
        for group in lost:
            few = ", ".join(group.trials[:_SHOWN]) + (", …" if len(group.trials) > _SHOWN else "")
            table.add_row(group.outcome, f"{len(group.trials)}: {few}", escape(group.message))
        console.print(table)
    families = ", ".join(f"{name} {_duration(seconds)}" for name, seconds in time["families"].items())
    lines = [f"time: {_duration(time['elapsed'])}; its trials {_duration(time['trials'])}: {families}"]
    if held:
        lines.append(f"a search goes on in it: process {held}")
    lines += [f"a trial: keraseq study trial {shlex.quote(str(study))} INDEX", f"in a browser: {dashboard}"]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


@app.command()
def trial(
    study: Folder,
    index: Annotated[str, typer.Argument(help="Of the trial, such as 7; 7-2 is trial 7 on its second fresh seed.")],
    json: Json = False,
) -> None:
    """Everything about one trial."""
    from keraseq.tuning.record import trial_place
    from keraseq.tuning.results.overview import details
    from keraseq.tuning.study import Study

    opened = Study(study)
    told = details(opened, *trial_place(index))
    if json:
        print_json(told)
        return
    metric = opened.task["metric"]
    table = Table(title=f"trial {told['trial']} of {escape(str(study))}", box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    seconds, memory, latency = told.get("seconds"), told.get("memory"), told.get("latency")
    table.add_row("family", told["family"])
    table.add_row("outcome", told["outcome"] + (f", launched {told['launches']} times" if told["launches"] > 1 else ""))
    if told.get("message"):
        table.add_row("message", escape(told["message"]))
    table.add_row(f"{metric} on validation", brief(told.get("score")))
    table.add_row("on test", brief(told["test"]))
    table.add_row("settings", escape("\n".join(f"{name}={_value(value)}" for name, value in told["settings"].items())))
    table.add_row("seed", str(told["seed"]))
    table.add_row("parameters", f"{told['parameters']:,}" if told.get("parameters") else "–")
    table.add_row("time", f"{told['epochs']} epochs in {_duration(seconds)}" if seconds is not None else "–")
    table.add_row("memory", f"{memory / 2**20:,.0f} MiB at its peak" if memory else "–")
    table.add_row("latency", f"{latency:.3g} ms a sequence" if latency is not None else "–")
    table.add_row("folder", escape(told["folder"]))
    console.print(table)
    if told["history"]:
        console.print(_history_table(told["history"]))
    if told["traceback"]:
        console.print(told["traceback"], highlight=False, markup=False, soft_wrap=True)
    if told["family"] in models.names():  # a hypermodel's is not built by name
        again = f"again: keraseq train --from {shlex.quote(str(study / told['trial']))}"
        console.print(again, highlight=False, markup=False, soft_wrap=True)


@app.command()
def export(
    study: Folder,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .csv, .json or .jsonl.")],
    json: Json = False,
) -> None:
    """One row a trial that ended, fresh seeds included, for pandas and others."""
    from keraseq.tuning.results.export import check_suffix
    from keraseq.tuning.results.export import export as write
    from keraseq.tuning.study import Study

    check_suffix(out)
    count = write(Study(study), out)
    if json:
        print_json({"rows": count, "out": str(out)})
    else:
        console.print(f"{count} trials → {out}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def plot(
    study: Folder,
    what: Annotated[
        str, typer.Option(help="One of: pareto, history, curves, importance, slice, parallel, contour.")
    ] = "pareto",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Picture to write: .png, .svg or .pdf.")] = None,
    family: Annotated[
        str | None, typer.Option(help="Of this family alone; the last four pictures are of one, the winner's else.")
    ] = None,
    json: Json = False,
) -> None:
    """A picture of a study: scores against size, time and settings. Needs keraseq[plot]."""
    os.environ.setdefault("MPLBACKEND", "agg")  # Optuna's pictures would look for a display otherwise
    from keraseq.tuning.results import plots
    from keraseq.tuning.study import Study

    out = out or Path(f"{what}.png")
    plots.check_format(out)
    plots.save(plots.plot(Study(study), what, family), out)
    if json:
        print_json({"what": what, "out": str(out)})
    else:
        console.print(f"→ {out}", highlight=False, markup=False, soft_wrap=True)


def _plan_table(study: Study) -> Table:
    """What is searched: all that the plan says, without what it leaves open."""
    plan = study.plan.to_json()
    task = plan.pop("task")
    rows = {"task": task["name"], "task settings": task["settings"], "data": task["data_dir"], **plan}
    rows["models"] = ", ".join(name if share == 1 else f"{name}={share}" for name, share in plan["models"].items())
    rows["objectives"] = ", ".join(plan["objectives"])
    table = Table(title=escape(str(study.path)), box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value not in (None, {}, []):
            table.add_row(name, escape(brief(value)))
    return table


def _history_table(history: list[dict[str, float]]) -> Table:
    names = list(dict.fromkeys(name for line in history for name in line))
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name, justify="right")
    for line in history:
        table.add_row(
            *(str(line[name]) if name == "epoch" else f"{line.get(name, float('nan')):.4g}" for name in names)
        )
    return table


def _value(value: Any) -> str:
    """As `--set` reads it."""
    return value if isinstance(value, str) else json_format.dumps(value)


def _duration(seconds: float) -> str:
    """`95 s` as `1 min 35 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
