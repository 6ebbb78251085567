"""The runs that a suite comes to: models × tasks × sizes × seeds."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from keraseq.benchmarking.records import checksum
from keraseq.benchmarking.suite import Suite, SuiteTask, models_of, seeds_of
from keraseq.config import check, configure, settings_of
from keraseq.errors import unknown
from keraseq.models.encoder_decoder import PAIR_SETTINGS
from keraseq.registry import models as registered
from keraseq.tasks import task_config
from keraseq.training.settings import Training


@dataclass(frozen=True)
class Run:
    """One model on one task with one seed: what to do, and all that its result depends on.

    Attributes:
        suite: name of the suite.
        kind: `run` or `speed`.
        task: registered or TFDS name.
        settings: of the task, those that the suite gives.
        label: how tables call the row of the task.
        family: registered name.
        config: settings of the family that the suite gives.
        training: all settings of `Training`.
        match: measure → size; empty leaves the size.
        seed: of weights, shuffling and dropout.
        tuned: trials spent on the settings before.
        published: key of a source of published numbers, or None.
    """

    suite: str
    kind: str
    task: str
    settings: Mapping[str, Any]
    label: str
    family: str
    config: Mapping[str, Any]
    training: Mapping[str, Any]
    match: Mapping[str, float]
    seed: int
    tuned: int
    published: str | None

    @functools.cached_property
    def id(self) -> str:
        """A hash of what is to be done: suite, label and machine do not enter it."""
        return checksum({**self._same, "seed": self.seed})[:16]

    @functools.cached_property
    def group(self) -> str:
        """A hash that runs share which differ by their seed alone."""
        return checksum(self._same)[:16]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.label}  {self.family}  seed {self.seed}"

    @property
    def _same(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "task": self.task,
            "settings": settings_of(task_config(self.task, self.settings)),
            "family": self.family,
            "config": self._whole_config(),
            "training": dict(self.training),
            "match": {name: float(size) for name, size in self.match.items()},
            "tuned": self.tuned,
        }

    def _whole_config(self) -> dict[str, Any]:
        """All settings of the family but a width that is solved for; of a pair those given."""
        if self.config.keys() & PAIR_SETTINGS:
            return dict(self.config)
        cls = registered.get(self.family)
        whole = settings_of(configure(cls, self.config, f"model {self.family!r}"))
        return {name: value for name, value in whole.items() if not (self.match and name == cls.width)}


def plan(
    suite: Suite,
    models: Iterable[str] | None = None,
    tasks: str | Iterable[str] = "*",
    seeds: int | Iterable[int] | None = None,
) -> list[Run]:
    """The runs of a suite: all tasks and models with the first seed, then with the second, ….

    Args:
        suite: from `load_suite`.
        models: families in place of those of the suite.
        tasks: wildcards for names or labels of tasks.
        seeds: in place of those of the suite; how many, or which.

    Raises:
        UsageError: an unknown family, a seed that is there twice, or no task that matches.
    """
    families = None if models is None else models_of(list(models))
    given = None if seeds is None else seeds_of(seeds if isinstance(seeds, int) else list(seeds))
    patterns = [tasks] if isinstance(tasks, str) else list(tasks)
    rows = _rows(suite)
    for pattern in patterns:
        check(
            any(_matches(pattern, entry, label) for entry, _, label in rows),
            unknown("task of the suite", pattern, [label for _, _, label in rows]),
        )
    found: list[tuple[int, Run]] = []
    for entry, settings, label in rows:
        if any(_matches(pattern, entry, label) for pattern in patterns):
            for family in families or entry.models:
                for place, seed in enumerate(given or entry.seeds):
                    found += [(place, run) for run in _sizes(suite, entry, settings, label, family, seed)]
    runs = [run for _, run in sorted(found, key=lambda pair: pair[0])]
    _check_different(runs)
    return runs


def _sizes(
    suite: Suite, entry: SuiteTask, settings: Mapping[str, Any], label: str, family: str, seed: int
) -> Iterator[Run]:
    own = entry.override(family)
    training: Training = configure(Training, own.training, "training")
    several = sum(len(sizes) for sizes in entry.match.values()) > 1
    wanted = [(measure, size) for measure, sizes in (own.match or {}).items() for size in sizes]
    for measure, size in wanted or [("", 0)]:
        yield Run(
            suite=suite.name,
            kind=suite.kind,
            task=entry.name,
            settings=settings,
            label=f"{label}, {size:g} {measure}" if several and measure else label,
            family=family,
            config=dict(own.config),
            training=settings_of(training),
            match={measure: size} if measure else {},
            seed=seed,
            tuned=entry.tuned,
            published=own.published,
        )


def _rows(suite: Suite) -> list[tuple[SuiteTask, dict[str, Any], str]]:
    """Each task of the suite with its settings, once for each combination of what varies, and its label."""
    rows = []
    for entry in suite.tasks:
        for values in itertools.product(*entry.vary.values()):
            rows.append((entry, {**entry.settings, **dict(zip(entry.vary, values, strict=True))}))
    whole = [settings_of(task_config(entry.name, settings)) for entry, settings in rows]
    labelled = []
    for (entry, settings), own in zip(rows, whole, strict=True):
        same = [other for (one, _), other in zip(rows, whole, strict=True) if one.name == entry.name]
        differing = [name for name in own if any(other[name] != own[name] for other in same)]
        told = [_said(name, own[name]) for name in (differing if entry.label is None else entry.vary)]
        labelled.append((entry, settings, " ".join([entry.label or entry.name, *told])))
    return labelled


def _said(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return str(value)


def _matches(pattern: str, entry: SuiteTask, label: str) -> bool:
    return fnmatchcase(entry.name, pattern) or fnmatchcase(label, pattern)


def _check_different(runs: Sequence[Run]) -> None:
    """Raises UsageError where a suite asks for one run twice, or calls two rows the same."""
    seen: dict[str, Run] = {}
    rows: dict[str, Any] = {}
    for run in runs:
        check(run.id not in seen, f"{run.suite} has the same run twice: {run.name}; leave one out")
        seen[run.id] = run
        row = (run.task, checksum(settings_of(task_config(run.task, run.settings))))
        check(
            rows.setdefault(run.label, row) == row,
            f"{run.suite} calls two rows {run.label!r}; give one of them another label = …",
        )
