"""`keraseq train`."""

from __future__ import annotations

import hashlib
import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from keraseq.cli.output import DataDir, Json, Seed, brief, console, print_json, settings
from keraseq.errors import KeraseqError
from keraseq.quiet import quiet_imports


def train(
    model: Annotated[str, typer.Argument(help="Model family.")],
    task: Annotated[str, typer.Argument(help="Task or TFDS name.")] = "digits",
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", help="task.NAME=VALUE, model.NAME=VALUE or training.NAME=VALUE; may be repeated."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Short for --set training.epochs=N.")] = None,
    parameters: Annotated[int | None, typer.Option(min=1, help="Solve the model's width for this size.")] = None,
    precision: Annotated[str, typer.Option(help="float32, mixed_bfloat16 or mixed_float16.")] = "float32",
    strategy: Annotated[str, typer.Option(help="Where to train: auto, cpu, gpu, …")] = "auto",
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-d", help="Folder of the trained model; by default named after its settings."),
    ] = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Trains one model on one task, scores it on test, and saves it."""
    from keraseq.config import configure, settings_of
    from keraseq.files import make_folder
    from keraseq.models import check_settings, count_parameters, create_model, resolve
    from keraseq.registry import models, strategies
    from keraseq.tasks import task_config
    from keraseq.training.outcome import Outcome
    from keraseq.training.settings import Training

    given = settings(sets or (), ("task", "model", "training"))
    if epochs is not None:
        given["training"]["epochs"] = str(epochs)
    entry = models.entry(model)
    check_settings(entry.name, given["model"])
    training: Training = configure(Training, given["training"], "training")
    config = task_config(task, given["task"])
    strategies.get(strategy)
    told = json_format.dumps([given, parameters, precision, seed], sort_keys=True)
    name = f"{entry.name}-{task.replace('/', '-')}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    folder = make_folder(directory or Path("runs") / name)

    with quiet_imports():
        from keraseq.inference.saved import save_model
        from keraseq.inference.score import score
        from keraseq.training.fit import fit
    from keraseq.tasks import load_task
    from keraseq.tasks.score import require

    loaded = load_task(task, data_dir=data_dir, **settings_of(config))
    require(loaded.config.scores)
    family = resolve(entry.name, loaded, parameters, given["model"])
    network = create_model(entry.name, loaded, seed=seed, precision=precision, **family.settings())
    size = count_parameters(network)
    if not json:
        console.print(f"{entry.name} on {task}: {size:,} parameters → {folder}", highlight=False)
    result = fit(
        network,
        loaded,
        seed=seed,
        strategy=strategy,
        directory=folder,
        progress=not json,
        **settings_of(training),
    )
    if result.score is None and result.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    if result.score is None:
        raise KeraseqError(f"training {result.outcome} before an epoch ended well; lower training.learning_rate")
    scores = {"validation": {loaded.metric: result.score}, "test": score(network, loaded)}
    card = {
        "model": {"name": entry.name, "config": family.settings()},
        "training": settings_of(training),
        "precision": precision,
        "seed": seed,
        **scores,
    }
    save_model(network, loaded, folder, card)
    facts = {
        "model": entry.name,
        "task": task,
        "outcome": result.outcome,
        "parameters": size,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": round(result.seconds, 1),
        "jit_compile": result.jit_compile,
        "chance": loaded.chances,
        **scores,
        "directory": str(folder),
    }
    if json:
        print_json(facts)
    else:
        _show(facts)
    if result.outcome is Outcome.INTERRUPTED:
        raise typer.Exit(130)
    if result.outcome is Outcome.DIVERGED:
        raise typer.Exit(1)


def _show(facts: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, brief(value))
    console.print(table)
