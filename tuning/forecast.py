"""What a search will come to, before anything is spent: the ends of each family are built and take a few steps.

Imports no TensorFlow: every model is built in a child of its own, as those of the search will be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import optuna
from rich import box
from rich.table import Table

from keraseq.config import Choice, Field, Int, check, configure
from keraseq.errors import KeraseqError, UsageError
from keraseq.models import Waveform, inputs
from keraseq.tasks import Task
from keraseq.training.outcome import Outcome
from keraseq.training.settings import Training
from keraseq.tuning import space
from keraseq.tuning.budget import FINALS_SHARE, TEST_SHARE, Budget
from keraseq.tuning.executors.base import Executor, Handle
from keraseq.tuning.executors.local import Local
from keraseq.tuning.job import Job, TaskReference
from keraseq.tuning.plan import Plan
from keraseq.tuning.request import algorithm_of, prepare, searched

ENDS = ("smallest", "largest")
TICK = 0.5  # seconds between looks at deadlines and memory
MOST = 300.0  # seconds that one model may take
CLOSE = 0.8  # share of the memory limit from which on a model comes close to it


@dataclass(frozen=True)
class Rehearsal:
    """One model that was built, and trained for some steps.

    Attributes:
        family: registered name.
        end: of the search space: `smallest` or `largest`.
        settings: of that end: the least or the greatest of every whole number that is searched in family and task, the
            default of all else.
        outcome: `completed`, or why the rest is not known.
        message: why, in words.
        parameters: trainable, or None.
        match: measure → what was reached, where models are brought to one size.
        step, validation_step: milliseconds of a batch in training and in validation, or None.
        steps, validation_steps, test_steps: batches of an epoch, and of test.
        start_up: seconds of the child in which no measured step was taken: loading, building, compiling.
        memory: bytes, the peak of its process, or None.
        receptive_field: steps that the last one sees, or None where the family cannot tell or sees all.
    """

    family: str
    end: str
    settings: Mapping[str, Any]
    outcome: str
    message: str = ""
    parameters: int | None = None
    match: Mapping[str, float] = field(default_factory=dict)
    step: float | None = None
    validation_step: float | None = None
    steps: int = 0
    validation_steps: int = 0
    test_steps: int = 0
    start_up: float | None = None
    memory: int | None = None
    receptive_field: int | None = None

    def seconds(self, epochs: int) -> float | None:
        """Of a trial of so many epochs."""
        if self.step is None or self.validation_step is None or self.start_up is None:
            return None
        return self.start_up + epochs * (self.steps * self.step + self.validation_steps * self.validation_step) / 1000

    def testing(self) -> float | None:
        """Seconds in which its model is scored on test."""
        if self.validation_step is None or self.start_up is None:
            return None
        return self.start_up + self.test_steps * self.validation_step / 1000


@dataclass(frozen=True)
class Forecast:
    """What a search will come to.

    Attributes:
        task: its name.
        rehearsals: two of each family.
        trials: of the search: as asked for, or as many as about fit into its time; None where nothing could be run.
        seconds: of wall time in all, in which no trial is stopped early; None where nothing could be run.
        parts: what they are spent on: `search`, `finals`, `test`.
        memory: bytes that a child may take.
        warnings: in words.
    """

    task: str
    rehearsals: Sequence[Rehearsal]
    trials: int | None
    seconds: float | None
    parts: Mapping[str, float]
    memory: int | None
    warnings: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The forecast as plain data."""
        return asdict(self)


def forecast(
    task: str | Task, models: Iterable[str] = ("lstm", "gru", "tcn", "transformer"), **settings: Any
) -> Forecast:
    """What a search with these arguments will take. Nothing of it is kept; no study is written.

    The smallest and the largest model of every family are each built in a child of their own and take some steps on
    batches of the task, as many at once as the search will train. Trials are taken to lie between the two, spread
    evenly in the logarithm (see `typical`), and to last for all their epochs: early stopping and pruning make it
    shorter than foretold.

    Args:
        task, models: as in `keraseq.search`.
        settings: its other arguments, but for `directory`, `view` and `progress`.

    Raises:
        UsageError: what the search would refuse, or a hypermodel, whose space nobody knows beforehand.
        KeraseqError: the data are missing.

    Example:
        >>> forecast("digits", ["rnn", "tcn"], trials=8, epochs=4).seconds  # doctest: +SKIP
        131.7
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    check(settings.get("hypermodel") is None, "a hypermodel declares its space as it is built; forecast needs families")
    prepared = prepare(task, models, **settings)
    plan, budget, reference = prepared.plan, prepared.budget, prepared.reference
    executor = Local(settings.get("workers", 1))
    (_, loaded, waited), = _run(executor, [("prepare", reference)], None, math.inf)  # fmt: skip
    if loaded["outcome"] != Outcome.COMPLETED:
        error = UsageError if loaded.get("usage") else KeraseqError
        raise error(loaded["message"] or f"preparing {reference.name} was {loaded['outcome']}")
    summary = loaded["summary"]
    algorithm_of(plan, prepared.config, summary["output"], False)  # or says what it cannot search
    named = searched(plan, prepared.config, summary["output"])
    asked = [(family, end) for family in plan.models for end in ENDS]
    jobs = [_job(plan, reference, *one, named[one[0]]) for one in asked]
    ended = _run(executor, [("rehearse", job) for job, _ in jobs], budget.memory, MOST)
    found = [_rehearsal(*asked[k], jobs[k][1], facts, seconds) for k, facts, seconds in sorted(ended, key=_place)]
    parts, trials = _parts(found, plan, budget, executor.workers)
    begun = waited - loaded["seconds"]  # loading TensorFlow, which happens once
    return Forecast(
        task=reference.name,
        rehearsals=found,
        trials=trials,
        seconds=begun + sum(parts.values()) if parts else None,
        parts=parts,
        memory=budget.memory,
        warnings=_warnings(found, budget, summary, trials),
    )


def ends(named: Mapping[str, Field]) -> dict[str, dict[str, Any]]:
    """The settings of the smallest and of the largest model of a space.

    Args:
        named: what is searched, as `space.searched` gives it. Whole numbers and truth values of families and tasks are
            at the end of their range; fractions, names and all of training at their default.
    """
    found: dict[str, dict[str, Any]] = {end: space.defaults(named) for end in ENDS}
    for name, one in named.items():
        if "/" not in name and not name.startswith("task."):
            continue
        match one.range:
            case Int(low=low, high=high):
                bounds = (low, high)
            case Choice(values=values) if all(isinstance(value, int) for value in values):
                bounds = (min(values), max(values))
            case _:
                continue
        for end, value in zip(ENDS, bounds, strict=True):
            found[end][name] = value
    return found


def _job(
    plan: Plan, reference: TaskReference, family: str, end: str, named: Mapping[str, Field]
) -> tuple[Job, dict[str, Any]]:
    """The job of an end of a family, and its settings."""
    given = ends(named)[end]
    config, training, task = space.split({**plan.fixed, **given}, family)
    job = Job(
        task=TaskReference(reference.name, {**reference.settings, **task}, reference.data_dir),
        family=family,
        config=config,
        training={**plan.training, **training},
        match=plan.match,
        max_parameters=plan.max_parameters,
        strategy=plan.strategy,
        seed=plan.seed,
        folder="",
    )
    return job, given


def _place(ended: tuple[int, dict[str, Any], float]) -> int:
    return ended[0]


def _run(
    executor: Executor, work: Sequence[tuple[Any, ...]], memory: int | None, most: float
) -> list[tuple[int, dict[str, Any], float]]:
    """Runs jobs, several at once: `(place, facts of its end, its seconds)` of each, in the order in which they end."""
    waiting = list(enumerate(work))
    running: list[tuple[int, Handle, dict[str, Any]]] = []
    ended = []
    try:
        while waiting or running:
            while waiting and len(running) < executor.workers:
                place, job = waiting.pop(0)
                running.append((place, executor.start(*job, memory=memory), {}))
            ready = executor.ready([handle for _, handle, _ in running], TICK)
            for one in list(running):
                place, handle, known = one
                if handle in ready:
                    kind, facts = handle.hear()
                    known |= facts
                    if kind == "end":
                        ended.append((place, known, handle.seconds))
                        running.remove(one)
                        handle.close()
                elif handle.exceeds_memory():
                    handle.kill(Outcome.OUT_OF_MEMORY)
                elif handle.seconds > most:
                    handle.kill(Outcome.TIMED_OUT)
    finally:
        for _, handle, _ in running:
            handle.close()
    return ended


def _rehearsal(
    family: str, end: str, settings: Mapping[str, Any], facts: Mapping[str, Any], seconds: float
) -> Rehearsal:
    spent = facts.get("stepping")
    known = {name: facts[name] for name in facts.keys() & _TOLD}
    return Rehearsal(
        family=family,
        end=end,
        settings=settings,
        outcome=str(facts["outcome"]),
        message=facts.get("message", ""),
        start_up=None if spent is None else seconds - spent,
        **known,
    )


_TOLD = frozenset(
    {
        "parameters",
        "match",
        "step",
        "validation_step",
        "steps",
        "validation_steps",
        "test_steps",
        "memory",
        "receptive_field",
    }
)


def _parts(found: Sequence[Rehearsal], plan: Plan, budget: Budget, workers: int) -> tuple[dict[str, float], int | None]:
    """Seconds of wall time by what they are spent on, and how many trials the search has; nothing where none ran."""
    epochs = configure(Training, plan.training, "training").epochs
    of = {family: [one for one in found if one.family == family] for family in plan.models}
    trial = {family: typical([one.seconds(epochs) for one in both]) for family, both in of.items()}
    test = {family: typical([one.testing() for one in both]) for family, both in of.items()}
    known = [family for family in plan.models if trial[family] is not None]
    if not known:
        return {}, None
    shares = sum(plan.models[family] for family in known)
    each = sum(plan.models[family] * (trial[family] or 0.0) for family in known) / shares
    finalists = min(plan.finalists, len(known)) if plan.seeds else 0
    runs = finalists * plan.seeds
    tests = (len(known) - finalists + runs) * sum(test[family] or 0.0 for family in known) / len(known)
    trials = budget.trials
    if budget.seconds is not None:
        kept = TEST_SHARE + (FINALS_SHARE if plan.seeds else 0.0)
        fit = math.floor(workers * budget.seconds * (1 - kept) / each)
        trials = fit if trials is None else min(fit, trials)
    assert trials is not None
    wall = _wall(trials, each, workers)
    finals = _wall(runs, sum(trial[family] or 0.0 for family in known) / len(known), workers)
    if budget.seconds is not None:
        wall, finals = min(wall, budget.seconds * (1 - kept)), min(finals, budget.seconds * FINALS_SHARE)
    return {"search": wall, "finals": finals, "test": tests}, trials


def _wall(runs: int, each: float, workers: int) -> float:
    return runs * each / max(1, min(runs, workers))


def typical(values: Iterable[float | None]) -> float | None:
    """What a model between two ends comes to in the mean: their logarithmic mean, (b - a) / ln(b / a).

    It is the mean of what is spread evenly in the logarithm from a to b, as widths are in a search, and lies below
    half-way. Of one end that is known it is that, of none None.
    """
    known = sorted(value for value in values if value is not None)
    if not known or known[0] <= 0 or known[-1] <= known[0] * (1 + 1e-9):
        return known[0] if known else None
    return (known[-1] - known[0]) / math.log(known[-1] / known[0])


def _warnings(found: Sequence[Rehearsal], budget: Budget, summary: Mapping[str, Any], trials: int | None) -> list[str]:
    told = []
    length = _steps(summary)
    for one in found:
        name = f"{one.family}, {one.end}"
        if one.outcome != Outcome.COMPLETED:
            told.append(f"{name}: {one.outcome}: {one.message or 'no more is known'}; the time leaves it out")
        elif one.memory is not None and budget.memory is not None and one.memory > CLOSE * budget.memory:
            limit = f"{_gib(one.memory)} GiB of the {_gib(budget.memory)} GiB that a trial may take"
            told.append(f"{name}: {limit}; fewer workers, a smaller batch_size or a narrower range leaves more")
        if one.receptive_field is not None and one.receptive_field < length:
            told.append(
                f"{name}: its last step sees {one.receptive_field} steps, but a sequence of the 0.95 quantile has "
                f"{length}; raise levels, layers or kernel_size by --range"
            )
    if budget.seconds is not None and trials == 0:
        told.append(f"no trial of all its epochs fits into {budget.seconds:.0f} s; give more time or fewer epochs")
    return told


def _steps(summary: Mapping[str, Any]) -> int:
    """Steps of a model in a sequence of train that 95 % do not exceed."""
    length = int(summary["lengths"]["train"]["95%"])
    given = inputs.from_json(summary["inputs"])
    return -(-length // given.hop_samples) if isinstance(given, Waveform) else length


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f}"


def forecast_table(told: Forecast) -> Table:
    """A Rich table: the smallest and the largest model of each family."""
    table = Table(title=f"{told.task}: the ends of the search space", box=box.SIMPLE_HEAD)
    matched = next((kind for one in told.rehearsals for kind in one.match if kind != "parameters"), None)
    names = ("family", "end", "parameters", *([matched] if matched else []), "ms a step", "start-up s", "GiB", "sees")
    for name in names:
        table.add_column(name, justify="left" if name in ("family", "end") else "right", no_wrap=True)
    for one in told.rehearsals:
        table.add_row(
            one.family if one.end == ENDS[0] else "",
            one.end,
            "–" if one.parameters is None else f"{one.parameters:,}",
            *(["–" if matched not in one.match else f"{one.match[matched]:,.4g}"] if matched else []),
            "–" if one.step is None else f"{one.step:.1f}",
            "–" if one.start_up is None else f"{one.start_up:.1f}",
            "–" if one.memory is None else _gib(one.memory),
            "–" if one.receptive_field is None else f"{one.receptive_field:,}",
        )
    return table


def foretold(told: Forecast) -> list[str]:
    """The lines under the table: wall time, and warnings."""
    if told.seconds is None:
        return ["nothing could be run", *(f"warning: {line}" for line in told.warnings)]
    parts = ", ".join(f"{name} {_duration(seconds)}" for name, seconds in told.parts.items() if seconds)
    lines = [
        f"about {_duration(told.seconds)} for {told.trials} trials of all their epochs ({parts}); trials that stop "
        "early make it less"
    ]
    return lines + [f"warning: {line}" for line in told.warnings]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
