"""What a call of `search` comes to: every name and value checked, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keraseq.config import Field, check, configure, fields, settings_of
from keraseq.errors import unknown
from keraseq.models import outputs
from keraseq.registry import algorithms, strategies
from keraseq.registry import models as registry
from keraseq.tasks import Task, task_config
from keraseq.training.settings import Training
from keraseq.tuning import ranges, space
from keraseq.tuning.algorithms.base import Algorithm, Problem, Suggestion
from keraseq.tuning.algorithms.define_by_run import DefineByRun
from keraseq.tuning.budget import DEFAULT_TRIALS, Budget, default_memory
from keraseq.tuning.fidelity import FIDELITIES
from keraseq.tuning.job import TaskReference
from keraseq.tuning.matching import check_match
from keraseq.tuning.plan import EQUAL, OBJECTIVES, Plan
from keraseq.tuning.pruning import PRUNERS

if TYPE_CHECKING:
    import keras_tuner


@dataclass(frozen=True)
class Prepared:
    """What a call of `search` comes to, checked, before anything has run.

    Attributes:
        plan: what is searched.
        config: configuration class of the task.
        reference: the task.
        budget: how much may be spent.
    """

    plan: Plan
    config: type
    reference: TaskReference
    budget: Budget


def prepare(
    task: str | Task,
    models: Iterable[str],
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
    task_settings: dict[str, Any] | None = None,
    data_dir: str | None = None,
    **training: Any,
) -> Prepared:
    """Checks the arguments of `search`, which are told there.

    Raises:
        UsageError: an unknown name or a value out of range.
    """
    shares = _shares(models) if hypermodel is None else {type(hypermodel).__name__: 1}
    for name, count in (("trials", trials), ("workers", workers), ("finalists", finalists)):
        check(count is None or count >= 1, f"{name} must be at least 1; got {count}")
    for name, amount in (("time", time), ("trial_time", trial_time), ("memory", memory)):
        check(amount is None or amount > 0, f"{name} must be above 0; got {amount}")
    check(max_parameters is None or max_parameters > 0, f"max_parameters must be above 0; got {max_parameters}")
    check(seeds >= 0, f"seeds must be 0 or more; got {seeds}")
    algorithms.get(algorithm)
    pruning = _pruning(pruning, objectives)
    check(fidelity in FIDELITIES, f"fidelity must be one of {', '.join(FIDELITIES)}; got {fidelity!r}")
    check(
        fidelity == "epochs" or pruning != "none",
        f"fidelity {fidelity} makes cheap rungs for pruning; with pruning none give fidelity epochs",
    )
    check(equal in EQUAL, f"equal must be one of {', '.join(EQUAL)}; got {equal!r}")
    check_match(match or {})
    strategies.get(strategy)
    reference = _reference(task, task_settings or {}, data_dir)
    config = type(task_config(reference.name, dict(reference.settings)))
    has_length = any(field.name == "max_length" for field in fields(config))
    check(
        fidelity != "length" or has_length, f"fidelity length needs a task with max_length; {reference.name} has none"
    )
    narrowed, fixed, training = _narrowed(shares if hypermodel is None else {}, config, range, fix, training)
    configure(Training, training, "training")
    if hypermodel is not None:
        ignored = [*training.keys() - {"epochs", "patience"}]
        ignored += [name for name, given in (("match", match), ("max_parameters", max_parameters)) if given]
        ignored += ["fidelity"] * (fidelity != "epochs")
        ignored += [name for name, given in (("range", narrowed), ("fix", fixed), ("queue", queue)) if given]
        check(not ignored, f"a hypermodel decides for itself; {', '.join(sorted(ignored))} cannot be given with it")
    plan = Plan(
        task=settings_of(reference),
        models=shares,
        algorithm=algorithm,
        seed=seed,
        objectives=list(objectives),
        pruning=pruning,
        fidelity=fidelity,
        equal=equal,
        match=dict(match or {}),
        max_parameters=max_parameters,
        ranges=narrowed,
        fixed=fixed,
        training=training,
        queue=[dict(one) for one in queue],
        strategy=strategy,
        halve_batch=halve_batch,
        seeds=seeds,
        finalists=finalists,
    )
    budget = Budget(
        trials=DEFAULT_TRIALS * sum(shares.values()) if trials is None and time is None else trials,
        seconds=time,
        trial_seconds=trial_time,
        memory=int(memory * 2**30) if memory else default_memory(workers),
    )
    return Prepared(plan, config, reference, budget)


def searched(plan: Plan, config: type, output: Any) -> dict[str, dict[str, Field]]:
    """Family → the settings of it that a plan searches, for a task of this class with such an output."""
    return {
        family: space.searched(
            family,
            outputs.from_json(dict(output)),
            solved=bool(plan.match),
            fixed=plan.fixed.keys() | plan.training.keys(),
            ranges=plan.ranges,
            task=config,
        )
        for family in plan.models
    }


def algorithm_of(plan: Plan, config: type, output: Any, hypermodel: bool) -> Algorithm:
    """The algorithm of a plan, for a task with such an output."""
    shares = dict(plan.models)
    if hypermodel:
        return DefineByRun(
            Problem({name: {} for name in shares}, plan.seed, objectives=len(plan.objectives)), plan.algorithm
        )
    named = searched(plan, config, output)
    defaults = {family: space.defaults(fields) for family, fields in named.items()}
    queue = [_queued(given, defaults) for given in plan.queue]
    queue += [Suggestion(family, params) for family, params in defaults.items()]
    spaces = {family: space.space(fields) for family, fields in named.items()}
    problem = Problem(
        spaces=spaces,
        seed=plan.seed,
        shares=shares,
        queue=tuple(queue),
        objectives=len(plan.objectives),
        epochs=configure(Training, plan.training, "training").epochs,
        equal=plan.equal,
    )
    for suggestion in queue:
        for name, value in suggestion.params.items():
            where = spaces[suggestion.family][name]
            check(where._contains(where.to_internal_repr(value)), f"queue: {name}={value!r} is not in {where}")
    return algorithms.get(plan.algorithm)(problem)


def _queued(given: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]) -> Suggestion:
    """Settings to try, as the user wrote them: the rest is at its default."""
    check("family" in given, f"what is queued needs a family, {{'family': 'tcn', …}}; got {dict(given)}")
    family = registry.entry(given["family"]).name
    check(family in defaults, f"queue: {family} is not searched; known: {', '.join(defaults)}")
    own = defaults[family]
    params = {}
    for name, value in given.items():
        full = name if name in own else f"{family}/{name}"
        if name != "family":
            check(full in own, f"queue: {unknown('searched setting', name, own)}")
            params[full] = value
    return Suggestion(family, {**own, **params})


def _pruning(pruning: str | None, objectives: Sequence[str]) -> str:
    for name in objectives:
        check(name in OBJECTIVES, unknown("objective", name, OBJECTIVES))
    check(len(set(objectives)) == len(objectives), f"objectives must differ; got {', '.join(objectives)}")
    check(bool(objectives) and objectives[0] == "score", f"the first objective is score; got {', '.join(objectives)}")
    pruning = pruning or ("median" if len(objectives) == 1 else "none")
    check(pruning in PRUNERS, f"pruning must be one of {', '.join(PRUNERS)}; got {pruning!r}")
    check(
        pruning == "none" or len(objectives) == 1,
        f"pruning {pruning} follows the score alone; with several objectives give pruning none",
    )
    return pruning


def _narrowed(
    families: Iterable[str],
    task: type,
    given: Mapping[str, Any] | None,
    fix: Mapping[str, Any] | None,
    training: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Ranges, fixed settings of families and task, and fixed settings of training, under their full names."""
    known = ranges.known_settings(families, task)
    narrowed = ranges.expanded(given or {}, known, "range")
    fixed = {name: ranges.typed(value, name, known[name]) for name, value in
             ranges.expanded(fix or {}, known, "fix").items()}  # fmt: skip
    both = sorted(narrowed.keys() & (fixed.keys() | training.keys()))
    check(not both, f"{', '.join(both)} cannot be both fixed and searched; give one of the two")
    of_training = {name: value for name, value in fixed.items() if "/" not in name and not name.startswith("task.")}
    return (
        {name: ranges.to_json(ranges.range_of(value, name, known[name])) for name, value in narrowed.items()},
        {name: value for name, value in fixed.items() if name not in of_training},
        {**training, **of_training},
    )


def _shares(models: Iterable[str]) -> dict[str, int]:
    """`["lstm=2", "gru"]` as `{"lstm": 2, "gru": 1}`."""
    shares: dict[str, int] = {}
    for text in models:
        name, _, share = text.partition("=")
        check(
            share == "" or (share.isdigit() and int(share) > 0),
            f"the share of {name!r} must be 1 or more; got {share!r}",
        )
        shares[registry.entry(name).name] = int(share or 1)
    check(bool(shares), "search needs at least one model; got none")
    return shares


def _reference(task: str | Task, settings: dict[str, Any], data_dir: str | None) -> TaskReference:
    if isinstance(task, str):
        return TaskReference(task, settings_of(task_config(task, settings)), data_dir)
    check(not settings and data_dir is None, "task_settings and data_dir go with a task's name; got a loaded task")
    return TaskReference(task.name, settings_of(task.config), task.data_dir)
