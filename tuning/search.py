"""`search`: which architecture is best for a task, within a budget."""

from __future__ import annotations

import contextlib
import time as clock
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from keraseq.config import check
from keraseq.errors import KeraseqError, UsageError
from keraseq.files import make_folder
from keraseq.tasks import Task
from keraseq.training.outcome import Outcome
from keraseq.tuning.coordinator import Coordinator
from keraseq.tuning.executors.base import Executor, call
from keraseq.tuning.executors.local import Local
from keraseq.tuning.request import algorithm_of, prepare
from keraseq.tuning.study import Study, locked, open_study
from keraseq.tuning.view import PlainView, SilentView, View

if TYPE_CHECKING:
    import keras_tuner

EXECUTORS = ("local", "ray")


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
    algorithm: str = "race",
    pruning: str | None = None,
    fidelity: str = "epochs",
    objectives: Sequence[str] = ("score",),
    equal: str = "trials",
    match: Mapping[str, float] | None = None,
    max_parameters: int | None = None,
    range: Mapping[str, Any] | None = None,
    fix: Mapping[str, Any] | None = None,
    queue: Iterable[Mapping[str, Any]] = (),
    seeds: int = 3,
    finalists: int = 2,
    memory: float | None = None,
    halve_batch: bool = False,
    strategy: str = "auto",
    executor: str = "local",
    address: str | None = None,
    directory: str | Path | None = None,
    tensorboard: bool = False,
    task_settings: dict[str, Any] | None = None,
    data_dir: str | None = None,
    view: View | None = None,
    progress: bool = True,
    **training: Any,
) -> Study:
    """Searches across families and leaves a study: leaderboard, every trial, the best model.

    Each trial trains in a process of its own. The same call goes on where an earlier one stopped or was killed. Every
    family is first tried at its defaults; then the algorithm decides. At the end the best of the leading families is
    trained again on fresh seeds, and only what stands in the leaderboard is scored on test.

    Args:
        task: name, or a loaded task.
        models: family names; `"lstm=2"` gives a family two shares of the budget.
        hypermodel: any `kt.HyperModel`, searched instead of `models`; it must compile with the task's metric, and of
            `training` it takes epochs and patience. Its class name alone stands for it: give `directory` for another.
        trials: how many; where neither this nor `time` is given, four a share.
        time: seconds of the whole search; each trial gets an equal share of what is left and is scored as it stands,
            and none starts that cannot reach its first rung.
        trial_time: most seconds of one trial.
        workers: trials at once; cores and GPUs, with Ray those of the cluster, are divided among them.
        seed: of sampling, weights and shuffling; the same seed gives the same trials on one machine, but where the
            clock cuts trials short, or several workers end them in another order for the algorithm to learn from.
        algorithm: registered search algorithm.
        pruning: stops trials early that are worse than others of their family: `asha`, `hyperband`, `median` or
            `none`; `median` by default where there is one objective.
        fidelity: what the early epochs of a trial see: all of the data (`epochs`), a ninth and then a third of the
            examples (`data`), or the first ninth and third of the longest sequence (`length`, where the task has
            `max_length`); what is not stopped trains on with all.
        objectives: what is to be good at once: `score` first, then any of `parameters`, `latency`, `memory`, `seconds`.
        equal: what shares are counted in, `trials` or `time`.
        match: brings every model to one size by its width: `{"parameters": 70_000}`, `{"flops": 1e6}` of predicting one
            sequence, or `{"step-time": 20}` milliseconds of a step of training. See `keraseq.tuning.matching`.
        max_parameters: a larger model is not trained; its outcome is `too large`.
        range: setting → range in place of its own, such as `{"tcn/filters": "16:128", "task.batch_size": [32, 64]}`; a
            name without a family stands for every family that has it. See `keraseq.tuning.ranges.range_of`.
        fix: setting → value; it is not searched.
        queue: settings to try before all others, each `{"family": name, setting: value, …}`; what it leaves out is at
            its default.
        seeds: fresh seeds on which finalists are trained again; 0 trains none again.
        finalists: families whose best is trained again.
        memory: GiB of a child above which it is killed as `out of memory`; by default nine tenths of what is free on
            this machine, and on a cluster with an address what its nodes have.
        halve_batch: whether a trial that ran out of memory is tried once more with half the batch, of which two make a
            step.
        strategy: registered strategy.
        executor: where trials run: `local`, children of this process, or `ray`, tasks of a Ray cluster. The same study
            may go on with the other.
        address: of the cluster, `HOST:PORT`; None starts one on this machine for the time of the search.
        directory: the study's folder; by default one under `studies/` that the same call always finds again.
        tensorboard: whether each trial writes scalars to `tensorboard/` in its folder; `tensorboard --logdir
            STUDY/trials` then compares them. It is no part of what is searched.
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
    check(executor in EXECUTORS, f"executor must be one of {', '.join(EXECUTORS)}; got {executor!r}")
    check(address is None or executor == "ray", f"an address goes with executor ray; got {address!r} with {executor}")
    check(executor != "ray" or find_spec("ray") is not None, "executor ray needs Ray: pip install 'keraseq[ray]'")
    prepared = prepare(
        task,
        models,
        hypermodel=hypermodel,
        trials=trials,
        time=time,
        trial_time=trial_time,
        workers=workers,
        seed=seed,
        algorithm=algorithm,
        pruning=pruning,
        fidelity=fidelity,
        objectives=objectives,
        equal=equal,
        match=match,
        max_parameters=max_parameters,
        range=range,
        fix=fix,
        queue=queue,
        seeds=seeds,
        finalists=finalists,
        memory=memory,
        halve_batch=halve_batch,
        strategy=strategy,
        task_settings=task_settings,
        data_dir=data_dir,
        **training,
    )
    plan, config, reference, budget = prepared.plan, prepared.config, prepared.reference, prepared.budget
    if address is not None and memory is None:
        budget = replace(budget, memory=None)  # what is free here says nothing of the nodes
    path = Path(directory) if directory is not None else Path("studies") / plan.name
    shown = view or (PlainView() if progress else SilentView())
    with locked(make_folder(path)), contextlib.ExitStack() as opened:
        study = open_study(path, plan)
        home = opened.enter_context(contextlib.closing(Local(1)))
        away = opened.enter_context(contextlib.closing(_executor(executor, workers, address)))
        if study is None:
            end = call(home, "prepare", reference)
            if end["outcome"] != Outcome.COMPLETED:
                error = UsageError if end.get("usage") else KeraseqError
                raise error(end["message"] or f"preparing {reference.name} was {end['outcome']}")
            algorithm_of(plan, config, end["summary"]["output"], hypermodel is not None)  # or says what it cannot
            study = Study.create(path, plan, end["summary"])
        made = algorithm_of(plan, config, study.task["output"], hypermodel is not None)
        Coordinator(study, made, budget, away, home, shown, hypermodel, began, tensorboard).run()
    return study


def _executor(name: str, workers: int, address: str | None) -> Executor:
    if name == "local":
        return Local(workers)
    from keraseq.tuning.executors.ray import Ray

    return Ray(workers, address)
