"""`search`: which architecture is best for a task, within a budget."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from keraseq.config import check, configure, settings_of
from keraseq.errors import KeraseqError, UsageError
from keraseq.files import make_folder
from keraseq.registry import algorithms, strategies
from keraseq.registry import models as registry
from keraseq.tasks import Task, task_config
from keraseq.training.outcome import Outcome
from keraseq.training.settings import Training
from keraseq.tuning.coordinator import DEFAULT_TRIALS, Budget, Coordinator, View, default_memory
from keraseq.tuning.executor import call, start_server
from keraseq.tuning.job import TaskReference
from keraseq.tuning.study import Plan, Study, locked, open_study
from keraseq.tuning.view import PlainView, SilentView

if TYPE_CHECKING:
    import keras_tuner


def search(
    task: str | Task,
    models: Iterable[str] = ("lstm", "gru", "tcn", "transformer"),
    *,
    hypermodel: keras_tuner.HyperModel | None = None,
    trials: int | None = None,
    time: float | None = None,
    trial_time: float | None = None,
    workers: int = 1,
    seed: int = 0,
    algorithm: str = "tpe",
    parameters: int | None = None,
    max_parameters: int | None = None,
    memory: float | None = None,
    strategy: str = "auto",
    directory: str | Path | None = None,
    task_settings: dict[str, Any] | None = None,
    data_dir: str | None = None,
    view: View | None = None,
    progress: bool = True,
    **training: Any,
) -> Study:
    """Searches across families and leaves a study: leaderboard, every trial, the best model.

    Each trial trains in a process of its own. The same call goes on where an earlier one stopped or was killed.
    Families take turns, so each gets an equal share of the trials; a family's first trial is at its defaults.

    Args:
        task: name, or a loaded task.
        models: family names, or one `"lstm=2"` to give a family two turns a round.
        hypermodel: any `kt.HyperModel`, searched instead of `models`; it must compile with the task's metric, and of
            `training` it takes epochs and patience. Its class name alone stands for it: give `directory` for another.
        trials: how many; where neither this nor `time` is given, four a family.
        time: seconds of the whole search; each trial gets an equal share of what is left and is scored as it stands.
        trial_time: most seconds of one trial.
        workers: trials at once.
        seed: of sampling, weights and shuffling; the same seed gives the same trials on one machine, but where the
            clock cuts trials short, or several workers end them in another order for `tpe` to learn from.
        algorithm: registered search algorithm.
        parameters: size that the width of every model is solved for.
        max_parameters: a larger model is not trained; its outcome is `too large`.
        memory: GiB of a child above which it is killed as `out of memory`; nine tenths of what is free by default.
        strategy: registered strategy.
        directory: the study's folder; by default one under `studies/` that the same call always finds again.
        task_settings: settings of the task where it is given by name.
        data_dir: TFDS data directory where the task is given by name.
        view: shows the search as it goes; a line a trial by default.
        progress: False shows nothing.
        training: settings of `Training`; those given are fixed, the others with a range are searched.

    Raises:
        UsageError: an unknown name or a value out of range; nothing has been run.
        KeraseqError: the data are missing, the folder is damaged, in use or not writable.
        KeyboardInterrupt: Ctrl-C; the study can be gone on with.
    """
    began = clock.monotonic()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    turns = _turns(models) if hypermodel is None else (type(hypermodel).__name__,)
    check(trials is None or trials >= 1, f"trials must be at least 1; got {trials}")
    check(workers >= 1, f"workers must be at least 1; got {workers}")
    for name, seconds in (("time", time), ("trial_time", trial_time), ("memory", memory), ("parameters", parameters)):
        check(seconds is None or seconds > 0, f"{name} must be above 0; got {seconds}")
    configure(Training, training, "training")
    if hypermodel is not None:
        ignored = [*training.keys() - {"epochs", "patience"}]
        ignored += ["parameters"] * bool(parameters) + ["max_parameters"] * bool(max_parameters)
        check(not ignored, f"a hypermodel decides for itself; {', '.join(sorted(ignored))} cannot be given with it")
    algorithms.get(algorithm)
    strategies.get(strategy)
    reference = _reference(task, task_settings or {}, data_dir)
    plan = Plan(
        task=settings_of(reference),
        models=turns,
        algorithm=algorithm,
        seed=seed,
        parameters=parameters,
        max_parameters=max_parameters,
        training=training,
        strategy=strategy,
    )
    path = Path(directory) if directory is not None else Path("studies") / plan.name
    budget = Budget(
        trials=DEFAULT_TRIALS * len(turns) if trials is None and time is None else trials,
        seconds=time,
        trial_seconds=trial_time,
        memory=int(memory * 2**30) if memory else default_memory(workers),
    )
    shown = view or (PlainView() if progress else SilentView())
    with locked(make_folder(path)):
        study = open_study(path, plan)
        start_server()
        if study is None:
            end = call("prepare", reference)
            if end["outcome"] != Outcome.COMPLETED:
                error = UsageError if end.get("usage") else KeraseqError
                raise error(end["message"] or f"preparing {reference.name} was {end['outcome']}")
            study = Study.create(path, plan, end["summary"])
        Coordinator(study, budget, workers, shown, hypermodel, began).run()
    return study


def _turns(models: Iterable[str]) -> tuple[str, ...]:
    """`["lstm=2", "gru"]` as `("lstm", "gru", "lstm")`: families in turn, those with more shares in more rounds."""
    shares: dict[str, int] = {}
    for text in models:
        name, _, share = text.partition("=")
        check(
            share == "" or (share.isdigit() and int(share) > 0),
            f"the share of {name!r} must be 1 or more; got {share!r}",
        )
        shares[registry.entry(name).name] = int(share or 1)
    check(bool(shares), "search needs at least one model; got none")
    rounds = range(max(shares.values()))
    return tuple(name for turn in rounds for name, share in shares.items() if turn < share)


def _reference(task: str | Task, settings: dict[str, Any], data_dir: str | None) -> TaskReference:
    if isinstance(task, str):
        return TaskReference(task, settings_of(task_config(task, settings)), data_dir)
    check(not settings and data_dir is None, "task_settings and data_dir go with a task's name; got a loaded task")
    return TaskReference(task.name, settings_of(task.config), task.data_dir)
