"""`keraseq train`."""

from __future__ import annotations

import hashlib
import json as json_format
import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from keraseq.cli.output import DataDir, Json, TensorBoard, brief, console, errors, print_json, settings
from keraseq.errors import KeraseqError
from keraseq.files import read_json, write_json
from keraseq.quiet import quiet_imports

if TYPE_CHECKING:
    from keraseq.tuning.job import Job

BATCH = "batch.json"  # what --fit-memory found, in the directory of a training
PREEMPTED = 75  # exit code, EX_TEMPFAIL of sysexits.h: run it again


def train(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(help="Model family; none with --from.")] = None,
    task: Annotated[str | None, typer.Argument(help="Task or TFDS name; digits by default, none with --from.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Trial to train again: STUDY/7, or STUDY for its best; other options override it."),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", help="task.NAME=VALUE, model.NAME=VALUE or training.NAME=VALUE; may be repeated."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Short for --set training.epochs=N.")] = None,
    parameters: Annotated[int | None, typer.Option(min=1, help="Solve the model's width for this size.")] = None,
    precision: Annotated[str, typer.Option(help="float32, mixed_bfloat16 or mixed_float16.")] = "float32",
    strategy: Annotated[
        str | None, typer.Option(help="Where to train: auto (the default), cpu, gpu, mirrored, …: see keraseq doctor.")
    ] = None,
    local_workers: Annotated[
        int | None, typer.Option(min=2, help="Train in so many processes of this machine, as --strategy multiworker.")
    ] = None,
    ray_workers: Annotated[
        int | None, typer.Option(min=1, help="Train in so many processes of a Ray cluster, as --strategy multiworker.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="HOST:PORT of the Ray cluster; without it one is started on this machine.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-d", help="Folder of the trained model; by default named after its settings."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint in the directory, if there is one.")
    ] = False,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0, help="Least seconds from one checkpoint to the next.")
    ] = 60.0,
    peer_timeout: Annotated[
        float, typer.Option(min=1, help="Seconds without a step after which a worker takes the others for hung.")
    ] = 300.0,
    fit_memory: Annotated[
        bool, typer.Option("--fit-memory", help="Part batches until they fit; gradients of the parts accumulate.")
    ] = False,
    memory: Annotated[
        float | None, typer.Option(min=0.1, help="GiB that --fit-memory keeps to; nine tenths of what is free.")
    ] = None,
    tensorboard: TensorBoard = False,
    mlflow: Annotated[
        bool, typer.Option("--mlflow", help="Track the training with MLflow, at MLFLOW_TRACKING_URI.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of weights, shuffling and sampling; 0 by default, or the trial's.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Trains one model on one task, or a trial of a study once more, scores it on test, and saves it."""
    from keraseq.config import check, configure, settings_of
    from keraseq.files import make_folder
    from keraseq.models import check_settings, count_parameters, create_model
    from keraseq.registry import models, strategies
    from keraseq.tasks import task_config
    from keraseq.training.outcome import Outcome
    from keraseq.training.settings import Training
    from keraseq.tuning.fidelity import early
    from keraseq.tuning.job import Job, TaskReference
    from keraseq.tuning.matching import matched

    given = settings(sets or (), ("task", "model", "training"))
    if epochs is not None:
        given["training"]["epochs"] = str(epochs)
    trial: dict[str, Any] = {}
    if source is None:
        check(model is not None, "train takes a model, as in keraseq train gru digits, or --from STUDY/7; got neither")
        entry = models.entry(model or "")
        match = {"parameters": float(parameters)} if parameters else {}
        job = Job(TaskReference(task or "digits", {}, data_dir), entry.name, {}, {}, match, None, "auto", 0, "")
    else:
        check(
            model is None,
            f"--from says model and task itself; got {model} besides: leave it out, or change it by --set",
        )
        check(parameters is None, "--from says the size itself; change the width by --set model.NAME=VALUE instead")
        job, trial = _trial(source)
        typed = getattr(context.get_parameter_source("data_dir"), "name", "") == "COMMANDLINE"
        if typed or job.task.data_dir is None:
            job = replace(job, task=replace(job.task, data_dir=data_dir))
    given_config = {**job.config, **given["model"]}
    check_settings(job.family, given_config)
    training: Training = configure(Training, {**job.training, **given["training"]}, "training")
    config = task_config(job.task.name, {**job.task.settings, **given["task"]})
    strategy = "multiworker" if local_workers or ray_workers else strategy or job.strategy
    seed = job.seed if seed is None else seed
    strategies.get(strategy)
    told = json_format.dumps([given, parameters, precision, seed, *trial.values()], sort_keys=True)
    name = f"{job.family}-{job.task.name.replace('/', '-')}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    folder = make_folder(directory or Path("runs") / name)
    check(not trial or not folder.samefile(trial["folder"]), f"{folder} is the trial's own; choose another directory")

    if fit_memory:
        check(strategy != "multiworker", "--fit-memory looks at one process; with several set task.batch_size yourself")
        reference = TaskReference(job.task.name, settings_of(config), job.task.data_dir)
        asked = replace(job, task=reference, config=given_config, training=settings_of(training), strategy=strategy)
        rows, accumulate = _batch(replace(asked, seed=seed), folder if resume else None, memory)
        config, training = replace(config, batch_size=rows), replace(training, accumulate=accumulate)
        write_json(folder / BATCH, {"batch_size": rows, "accumulate": accumulate})
        if not json:
            console.print(f"batches of {rows}, of which {accumulate} make a step", highlight=False)

    if local_workers and "TF_CONFIG" not in os.environ:
        from keraseq.training.distributed.launch import launch

        raise typer.Exit(launch([sys.executable, "-m", "keraseq", *sys.argv[1:]], local_workers))
    if ray_workers and "TF_CONFIG" not in os.environ:
        check(find_spec("ray") is not None, "--ray-workers needs Ray: pip install 'keraseq[ray]'")
        from keraseq.training.distributed.launch_on_ray import launch_on_ray

        raise typer.Exit(launch_on_ray(sys.argv[1:], ray_workers, address))
    with quiet_imports():
        from keraseq.inference.saved import save_model
        from keraseq.inference.score import score
        from keraseq.training.distributed.workers import connect
        from keraseq.training.fit import fit
        from keraseq.training.strategies.auto import picked
        from keraseq.training.tracking import note, tracked
    from keraseq.tasks import load_task
    from keraseq.tasks.score import require

    leading = connect() if strategy == "multiworker" else True
    data = job.task.data_dir
    loaded = load_task(job.task.name, data_dir=data, **settings_of(config))
    require(loaded.config.scores)
    family = matched(job.family, loaded, job.match, given_config)
    network = create_model(job.family, loaded, seed=seed, precision=precision, **family.settings())
    size = count_parameters(network)
    if leading and not json:
        console.print(f"{job.family} on {loaded.name}: {size:,} parameters → {folder}", highlight=False)
    about = {"model": job.family, "task": loaded.name, "seed": seed, "precision": precision, **family.settings()}
    tracking = mlflow and leading
    result = fit(
        network,
        loaded,
        callbacks=context.with_resource(tracked(folder, {**about, **settings_of(training)}, resume))
        if tracking
        else (),
        seed=seed,
        strategy=strategy,
        directory=folder,
        resume=resume,
        checkpoint_seconds=checkpoint_seconds,
        peer_timeout=peer_timeout,
        tensorboard=tensorboard,
        progress=not json,
        stages=early(job.fidelity, training.epochs, TaskReference(job.task.name, settings_of(config), data), loaded),
        **settings_of(training),
    )
    if result.outcome is Outcome.PREEMPTED:
        if leading:
            told = f"keraseq: stopped by SIGTERM; go on with --resume --directory {folder}"
            errors.print(told, highlight=False, soft_wrap=True)
        raise typer.Exit(PREEMPTED)
    if result.score is None and result.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    if result.score is None:
        raise KeraseqError(f"training {result.outcome} before an epoch ended well: {result.message}")
    if not leading:
        return
    scores = {"validation": {loaded.metric: result.score}, "test": score(network, loaded)}
    if tracking:
        note({f"test_{name}": value for name, value in scores["test"].items()})
    card = {
        "model": {"name": job.family, "config": family.settings()},
        "training": settings_of(training),
        "precision": precision,
        "seed": seed,
        **scores,
    }
    save_model(network, loaded, folder, card)
    facts = {
        "model": job.family,
        "task": loaded.name,
        **({"from": trial} if trial else {}),
        "outcome": result.outcome,
        "parameters": size,
        "strategy": f"auto: {picked()}" if strategy == "auto" else strategy,
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


def _batch(job: Job, before: Path | None, memory: float | None) -> tuple[int, int]:
    """Rows of a batch that fits, and how many make a step: what was found in the folder `before`, or is now."""
    from keraseq.tuning.batch import fitting_batch

    if before and (before / BATCH).exists():
        kept = read_json(before / BATCH, "leave --fit-memory out, and set task.batch_size and training.accumulate")
        return kept["batch_size"], kept["accumulate"]
    return fitting_batch(job, round(memory * 2**30) if memory else None)


def _trial(source: Path) -> tuple[Job, dict[str, Any]]:
    """What a trial was asked to do, and what came of it."""
    from keraseq.tuning.record import record_of
    from keraseq.tuning.study import check_family, locate

    study, index, replicate = locate(source)
    job, record = study.job(index, replicate), record_of(study.launch(index, replicate))
    check_family(job)
    score = record.score if record else None
    return job, {"folder": str(Path(job.folder).resolve()), study.task["metric"]: score}


def _show(facts: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, brief(value))
    console.print(table)
