"""`keraseq search` and `keraseq leaderboard`."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keraseq.cli.options_file import load_options
from keraseq.cli.output import DataDir, Json, Seed, TensorBoard, brief, console, errors, print_json, settings
from keraseq.errors import UsageError

if TYPE_CHECKING:
    from keraseq.tuning.study import Study

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """`"90"`, `"90s"`, `"20m"`, `"1.5h"` or `"2d"` as seconds.

    Raises:
        UsageError: anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if not match or float(match[1]) == 0:
        raise UsageError(f"a duration is a number above 0 with s, m, h or d, such as 20m; got {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def search(
    task: Annotated[str, typer.Argument(help="Task or TFDS name.")] = "digits",
    models: Annotated[
        str,
        typer.Option("--models", "-m", help="Families, comma-separated; lstm=2 gives lstm two shares."),
    ] = "lstm,gru,tcn,transformer",
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all; four a family where --time is not given either.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="Of the whole search, such as 20m.")] = None,
    trial_time: Annotated[str | None, typer.Option(help="Of one trial, which is then scored as it stands.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Short for --set training.epochs=N.")] = None,
    match: Annotated[
        str | None,
        typer.Option(
            help="Bring every model to one size by its width: parameters=70000, flops=1e6 or step-time=20 (ms)."
        ),
    ] = None,
    max_parameters: Annotated[int | None, typer.Option(min=1, help="Do not train larger models.")] = None,
    algorithm: Annotated[str, typer.Option(help="Search algorithm: see keraseq list algorithms.")] = "race",
    pruning: Annotated[
        str | None, typer.Option(help="Stop trials early: asha, hyperband, median (the default) or none.")
    ] = None,
    fidelity: Annotated[
        str,
        typer.Option(
            help="What early epochs see: all data (epochs), a share of it (data), or its beginnings (length)."
        ),
    ] = "epochs",
    objectives: Annotated[
        str, typer.Option(help="What is to be good at once: score, parameters, latency, memory, seconds.")
    ] = "score",
    equal: Annotated[str, typer.Option(help="What the shares of families are counted in: trials or time.")] = "trials",
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", help="tcn/filters=16:128, dropout=0:0.3, task.batch_size=32|64; repeatable."),
    ] = None,
    fix: Annotated[list[str] | None, typer.Option("--fix", help="dropout=0.1: not searched; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(min=0, help="Fresh seeds on which finalists are trained again.")] = 3,
    finalists: Annotated[int, typer.Option(min=1, help="Families whose best is trained again.")] = 2,
    halve_batch: Annotated[
        bool, typer.Option(help="Try what runs out of memory once more, with half the batch and accumulated gradients.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Trials at once.")] = 1,
    memory: Annotated[float | None, typer.Option(help="GiB above which a trial is killed.")] = None,
    strategy: Annotated[str, typer.Option(help="Where to train: auto, cpu, gpu, …")] = "auto",
    executor: Annotated[str, typer.Option(help="Where trials run: local or ray.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="HOST:PORT of a Ray cluster; without it ray starts one on this machine.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="task.NAME=VALUE or training.NAME=VALUE; may be repeated.")
    ] = None,
    queue: Annotated[
        list[str] | None, typer.Option(help="What to try first, such as family=tcn,filters=32; repeatable.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(is_eager=True, callback=load_options, help="TOML file with options of this command.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option("--directory", "-d", help="The study's folder; the same command finds it again.")
    ] = None,
    tensorboard: TensorBoard = False,
    seed: Seed = 0,
    data_dir: DataDir = None,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Say what the search will take: sizes, memory, wall time; and run none of it."),
    ] = False,
    json: Json = False,
) -> None:
    """Searches across families: a live leaderboard, and the best model on disk.

    Ctrl-C or a kill leaves a study that the same command goes on with.
    """
    from keraseq.config import configure, settings_of
    from keraseq.training.settings import Training
    from keraseq.tuning.search import search as run
    from keraseq.tuning.view import LiveView, PlainView, SilentView

    given = settings(sets or (), ("task", "training"))
    if epochs is not None:
        given["training"]["epochs"] = str(epochs)
    typed = settings_of(configure(Training, given["training"], "training"))
    arguments: dict[str, Any] = dict(
        trials=trials,
        time=seconds(time) if time else None,
        trial_time=seconds(trial_time) if trial_time else None,
        workers=workers,
        seed=seed,
        algorithm=algorithm,
        pruning=pruning,
        fidelity=fidelity,
        objectives=names(objectives),
        equal=equal,
        match={name: float(value) for name, value in pairs([match] if match else [], "match").items()},
        range=pairs(ranges or [], "range"),
        fix=pairs(fix or [], "fix"),
        queue=[_queued(text) for text in queue or []],
        seeds=seeds,
        finalists=finalists,
        halve_batch=halve_batch,
        max_parameters=max_parameters,
        memory=memory,
        strategy=strategy,
        task_settings=dict(given["task"]),
        data_dir=data_dir,
        **{name: typed[name] for name in given["training"]},
    )
    if plan:
        _forecast(task, names(models), arguments, json)
        return
    with contextlib.ExitStack() as stack:
        view: Any = SilentView() if json else PlainView(console)
        if not json and console.is_terminal:
            view = stack.enter_context(LiveView(console))
        try:
            study = run(
                task,
                names(models),
                directory=directory,
                executor=executor,
                address=address,
                tensorboard=tensorboard,
                view=view,
                **arguments,
            )
        except KeyboardInterrupt:
            errors.print("keraseq: interrupted; nothing is lost: the same command goes on", highlight=False)
            raise typer.Exit(130) from None
    _show(study, json)
    if study.winner() is None:
        raise typer.Exit(1)


def _forecast(task: str, models: list[str], arguments: dict[str, Any], json: bool) -> None:
    from keraseq.tuning.forecast import forecast, forecast_table, foretold

    told = forecast(task, models, **arguments)
    if json:
        print_json(told.to_json())
        return
    console.print(forecast_table(told))
    console.print("\n".join(foretold(told)), highlight=False, markup=False, soft_wrap=True)


def names(text: str) -> list[str]:
    """`"gru, tcn"` as `["gru", "tcn"]`."""
    return [name.strip() for name in text.split(",") if name.strip()]


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """`["dropout=0.1"]` as `{"dropout": "0.1"}`; `option` is where they were given, for the message.

    Raises:
        UsageError: not of the form `name=value`.
    """
    parts = [text.partition("=") for text in texts]
    for name, equals, value in parts:
        if not (name and equals and value):
            raise UsageError(f"--{option} takes NAME=VALUE; got {name + equals + value!r}")
    return {name: value for name, _, value in parts}


def _queued(text: str) -> dict[str, Any]:
    from keraseq.config import parse

    return {name: parse(value) for name, value in pairs(text.split(","), "queue").items()}


def leaderboard(
    study: Annotated[Path, typer.Argument(help="Folder of a study.")],
    json: Json = False,
) -> None:
    """The leaderboard of a study, finished or not."""
    from keraseq.tuning.study import Study

    _show(Study(study), json)


def _show(study: Study, json: bool) -> None:
    from keraseq.tuning.view import front_table, leaderboard_table

    rows, front = study.leaderboard(), study.front()
    if json:
        told = {"study": str(study.path), "task": study.task, "leaderboard": [row.to_json() for row in rows]}
        print_json({**told, "front": [{"trial": record.name, **vars(record)} for record in front]})
        return
    console.print(leaderboard_table(study, rows))
    if len(front) > 1:
        console.print(front_table(study, front))
    lines = [f"padding: {study.task['padding']['train']:.1%} of all time steps fed in training"]
    winner = rows[0].winner
    if winner is None:
        lines.append(f"no trial completed; see {study.path / 'trials'}")
    else:
        params = {name.rpartition("/")[2]: value for name, value in winner.params.items()}
        lines.append(f"best: trial {winner.index}, {winner.family}: {brief(params)}")
        if (study.path / "best" / "card.json").is_file():
            lines.append(f"saved in {study.path / 'best'}: keraseq predict {study.path / 'best'} …")
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
