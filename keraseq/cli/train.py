"""`keraseq train`."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from keraseq.cli.output import DataDir, Json, TensorBoard, brief, console, errors, print_json
from keraseq.errors import KeraseqError
from keraseq.files import read_json, write_json
from keraseq.quiet import quiet_imports
from keraseq.training.outcome import Outcome

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
    from keraseq.cli.order import Order
    from keraseq.config import check

    typed = getattr(context.get_parameter_source("data_dir"), "name", "") == "COMMANDLINE"
    order = Order(
        model=model,
        task=task,
        source=source,
        sets=tuple(sets or ()),
        epochs=epochs,
        parameters=parameters,
        precision=precision,
        strategy="multiworker" if local_workers or ray_workers else strategy,
        seed=seed,
        data_dir=(data_dir, typed),
        directory=directory,
    )
    job, trial = order.job()
    if fit_memory:
        check(
            job.strategy != "multiworker",
            "--fit-memory looks at one process; with several set task.batch_size yourself",
        )
        job = _fitting(job, resume, memory, show=not json)
    if (local_workers or ray_workers) and "TF_CONFIG" not in os.environ:
        raise typer.Exit(_launched(local_workers, ray_workers, address))
    outcome, facts = _trained(
        job,
        precision,
        context,
        mlflow,
        show=not json,
        resume=resume,
        checkpoint_seconds=checkpoint_seconds,
        peer_timeout=peer_timeout,
        tensorboard=tensorboard,
    )
    if not facts:
        return
    facts = {"model": facts.pop("model"), "task": facts.pop("task"), **({"from": trial} if trial else {}), **facts}
    if json:
        print_json(facts)
    else:
        _show(facts)
    if outcome is Outcome.INTERRUPTED:
        raise typer.Exit(130)
    if outcome is Outcome.DIVERGED:
        raise typer.Exit(1)


def _trained(
    job: Job, precision: str, context: typer.Context, mlflow: bool, show: bool, resume: bool, **options: Any
) -> tuple[Outcome, dict[str, Any]]:
    """Trains, scores on test and saves; how it ended, and what came of it, nothing where another worker leads."""
    with quiet_imports():
        from keraseq.inference.saved import save_model
        from keraseq.inference.score import score
        from keraseq.training.distributed.workers import connect
        from keraseq.training.fit import fit
        from keraseq.training.strategies.auto import picked
        from keraseq.training.tracking import note, tracked
    from keraseq.models import count_parameters, create_model
    from keraseq.tasks import load_task
    from keraseq.tasks.score import require
    from keraseq.tuning.fidelity import early
    from keraseq.tuning.matching import matched

    leading = connect() if job.strategy == "multiworker" else True
    task = load_task(job.task.name, data_dir=job.task.data_dir, **job.task.settings)
    require(task.config.scores)
    family = matched(job.family, task, job.match, job.config)
    network = create_model(job.family, task, seed=job.seed, precision=precision, **family.settings())
    size, folder = count_parameters(network), Path(job.folder)
    if leading and show:
        console.print(f"{job.family} on {task.name}: {size:,} parameters → {folder}", highlight=False)
    watchers: list[Any] = []
    if mlflow and leading:
        about = {"model": job.family, "task": task.name, "seed": job.seed, "precision": precision}
        watchers = context.with_resource(tracked(folder, {**about, **family.settings(), **job.training}, resume))
    result = fit(
        network,
        task,
        callbacks=watchers,
        seed=job.seed,
        strategy=job.strategy,
        directory=folder,
        resume=resume,
        progress=show,
        stages=early(job.fidelity, job.training["epochs"], job.task, task),
        **options,
        **job.training,
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
        return result.outcome, {}
    scores = {"validation": {task.metric: result.score}, "test": score(network, task)}
    if watchers:
        note({f"test_{name}": value for name, value in scores["test"].items()})
    card = {
        "model": {"name": job.family, "config": family.settings()},
        "training": job.training,
        "precision": precision,
        "seed": job.seed,
        **scores,
    }
    save_model(network, task, folder, card)
    return result.outcome, {
        "model": job.family,
        "task": task.name,
        "outcome": result.outcome,
        "parameters": size,
        "strategy": f"auto: {picked()}" if job.strategy == "auto" else job.strategy,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": round(result.seconds, 1),
        "jit_compile": result.jit_compile,
        "chance": task.chances,
        **scores,
        "directory": str(folder),
    }


def _fitting(job: Job, resume: bool, memory: float | None, show: bool) -> Job:
    """The same training in batches that fit: those that were found before a resumed one, or are now."""
    from keraseq.tuning.batch import fitting_batch, in_batches

    kept = Path(job.folder) / BATCH
    if resume and kept.exists():
        found = read_json(kept, "leave --fit-memory out, and set task.batch_size and training.accumulate")
        rows, accumulate = found["batch_size"], found["accumulate"]
    else:
        rows, accumulate = fitting_batch(job, round(memory * 2**30) if memory else None)
        write_json(kept, {"batch_size": rows, "accumulate": accumulate})
    if show:
        console.print(f"batches of {rows}, of which {accumulate} make a step", highlight=False)
    return in_batches(job, rows, accumulate)


def _launched(local: int | None, on_ray: int | None, address: str | None) -> int:
    """Runs this command again in several processes, and gives the exit code."""
    if local:
        from keraseq.training.distributed.launch import launch

        return launch([sys.executable, "-m", "keraseq", *sys.argv[1:]], local)
    from keraseq.config import check

    check(find_spec("ray") is not None, "--ray-workers needs Ray: pip install 'keraseq[ray]'")
    from keraseq.training.distributed.launch_on_ray import launch_on_ray

    return launch_on_ray(sys.argv[1:], on_ray or 1, address)


def _show(facts: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, brief(value))
    console.print(table)
