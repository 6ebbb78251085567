"""Suites: which models run on which tasks, how, and with which seeds, as data.

A suite is a TOML file:

    description = "Memory over a growing distance"

    [defaults]                       # of every task
    models = ["gru", "tcn"]
    seeds = [0, 1, 2]                # or 3, for the same
    match = { parameters = 60000 }   # or a list of sizes: { parameters = [16000, 60000] }
    config = { dropout = 0.0 }       # settings that all of these families have
    training = { epochs = 10 }       # fields of Training
    tuned = 0                        # trials of a search that finds the settings of each family first

    [[task]]
    name = "adding"
    settings = { train_examples = 10000 }
    vary = { length = [100, 200] }   # one row of the table for each
    published = "bai2018"            # source of published numbers; all of the defaults may stand here too

    [[task.model]]                   # what one family does otherwise on this task
    name = "tcn"
    config = { kernel_size = 5, levels = 7 }
    training = { learning_rate = 0.002 }
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from keraseq.benchmarking.published import sources
from keraseq.config import check, configure, settings_of
from keraseq.errors import UsageError, unknown
from keraseq.models.create import check_free, check_settings
from keraseq.quiet import quiet_imports
from keraseq.registry import models, tasks
from keraseq.tasks import task_config
from keraseq.training.settings import Training
from keraseq.tuning.matching import check_match

KINDS = ("run", "speed")
STUDY_SEED = 1_000_003  # of searches, so that the seeds of a suite are fresh

_SHARED = ("models", "seeds", "match", "config", "training", "tuned", "published")
_OF_SUITE = ("description", "kind", "defaults", "task")
_OF_TASK = ("name", "label", "settings", "vary", "model", *_SHARED)
_OF_MODEL = ("name", "config", "training", "match", "published")


@dataclass(frozen=True)
class Override:
    """What one family does otherwise on a task.

    Attributes:
        config: settings of the family, over those of the task.
        training: settings of `Training`, over those of the task.
        match: in place of the task's, or None.
        published: in place of the task's, or None.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    match: Mapping[str, Sequence[float]] | None = None
    published: str | None = None


@dataclass(frozen=True)
class SuiteTask:
    """One task of a suite, with nothing left to defaults.

    Attributes:
        name: registered or TFDS name.
        label: how tables call it, or None for its name and the settings that vary.
        settings: of the task.
        vary: setting → values, all combinations of which are run.
        models: families.
        seeds: of weights, shuffling and dropout.
        match: measure → sizes; empty leaves models as they are configured.
        config: settings of every family.
        training: settings of `Training`.
        tuned: trials that each family gets to find its settings; 0 for those given.
        published: key of a source of published numbers, or None.
        overrides: family → what it does otherwise.
    """

    name: str
    label: str | None
    settings: Mapping[str, Any]
    vary: Mapping[str, Sequence[Any]]
    models: Sequence[str]
    seeds: Sequence[int]
    match: Mapping[str, Sequence[float]]
    config: Mapping[str, Any]
    training: Mapping[str, Any]
    tuned: int
    published: str | None
    overrides: Mapping[str, Override]

    def override(self, family: str) -> Override:
        """What a family does on this task: its own settings, over those of the task."""
        own = self.overrides.get(family, Override())
        return Override(
            config={**self.config, **own.config},
            training={**self.training, **own.training},
            match=self.match if own.match is None else own.match,
            published=own.published or self.published,
        )


@dataclass(frozen=True)
class Suite:
    """A suite, checked.

    Attributes:
        name: of the suite, or of its file.
        description: one sentence.
        kind: `run`, or `speed` where cost is measured and nothing is learned.
        tasks: in the order of the file.
    """

    name: str
    description: str
    kind: str
    tasks: Sequence[SuiteTask]

    def to_json(self) -> dict[str, Any]:
        """The suite as plain data."""
        return dataclasses.asdict(self)

    def altered(
        self, match: Mapping[str, Any] | None = None, tuned: int | None = None, epochs: int | None = None
    ) -> Suite:
        """The suite with other sizes, tuned otherwise, or trained for at most so many epochs.

        Raises:
            UsageError: a size that is none, or one that goes with a width that the suite gives.
        """
        sizes = None if match is None else _match(match, "match")
        changed = [self._altered(task, sizes, tuned, epochs) for task in self.tasks]
        for task in changed:
            _check_sizes(task, f"{self.name}, {task.name}")
        return dataclasses.replace(self, tasks=changed)

    def _altered(
        self, task: SuiteTask, match: Mapping[str, Sequence[float]] | None, tuned: int | None, epochs: int | None
    ) -> SuiteTask:
        def shorter(training: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
            known: int = {**usual, **training}.get("epochs", 0)
            return {**training, "epochs": epochs} if epochs is not None and known > epochs else dict(training)

        overrides = {
            family: dataclasses.replace(
                one, training=shorter(one.training, {}), match=one.match if match is None else None
            )
            for family, one in task.overrides.items()
        }
        return dataclasses.replace(
            task,
            match=task.match if match is None else match,
            tuned=task.tuned if tuned is None else tuned,
            training=shorter(task.training, settings_of(Training())),
            overrides=overrides,
        )


def names() -> list[str]:
    """The suites that keraseq brings."""
    return sorted(file.name.removesuffix(".toml") for file in _home().iterdir() if file.name.endswith(".toml"))


def load_suite(source: str | Path) -> Suite:
    """A suite by its name, or from a TOML file.

    Raises:
        UsageError: there is none, or it has a mistake; the message says where, what is wanted, and the remedy.
    """
    text = str(source)
    if not (text.endswith(".toml") or "/" in text):
        check(text in names(), f"{unknown('suite', text, names())}; a suite of one's own is a file, FILE.toml")
        return parse_suite(_home().joinpath(f"{text}.toml").read_text(encoding="utf-8"), text, f"suite {text}")
    path = Path(source)
    try:
        return parse_suite(path.read_text(encoding="utf-8"), path.stem, text)
    except OSError as error:
        known = ", ".join(names())
        raise UsageError(f"cannot read {path}: {error.strerror}; give a suite's file or name: {known}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error


def parse_suite(text: str, name: str, where: str) -> Suite:
    """The suite that a text in TOML holds; `where` is the file, for messages.

    Raises:
        UsageError: it has a mistake.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not TOML: {error}") from error
    with _within(where):
        _check_keys(data, _OF_SUITE, "a suite")
        kind = _typed(data.get("kind", "run"), str, "kind", '"run" or "speed"')
        check(kind in KINDS, f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        defaults = _typed(data.get("defaults", {}), dict, "defaults", "a table, [defaults]")
        with _within("[defaults]"):
            _check_keys(defaults, _SHARED, "defaults")
        tables = _typed(data.get("task", []), list, "task", "tables, each [[task]]")
        check(bool(tables), "a suite needs tasks, each a table [[task]] with a name; got none")
        found = []
        for place, table in enumerate(tables, start=1):
            called = table.get("name") if isinstance(table, dict) else None
            with _within(f"task {place}" + (f" ({called})" if called else "")):
                found.append(_task(_typed(table, dict, "task", "a table, [[task]]"), defaults))
        return Suite(name, _typed(data.get("description", ""), str, "description", "a text"), kind, found)


def seeds_of(value: Any) -> list[int]:
    """Seeds as a list, or as how many.

    Raises:
        UsageError: they are none, or one is there twice.
    """
    wanted = "seeds must be how many, such as 3, or a list, such as [0, 1, 2]"
    if isinstance(value, int) and not isinstance(value, bool):
        check(value >= 1, f"{wanted}; got {value}")
        return list(range(value))
    given = _listed(value, int, "seeds", "[0, 1, 2]")
    for seed in given:
        check(0 <= seed < STUDY_SEED, f"seeds must be in 0 … {STUDY_SEED - 1:,}; got {seed}")
        count = given.count(seed)
        check(count == 1, f"seed {seed} is there {count} times; give every seed once, as equal seeds give equal runs")
    return given


def models_of(value: Any) -> list[str]:
    """Families by their registered names.

    Raises:
        UsageError: there is none, one is unknown, or one is there twice.
    """
    given = [models.entry(name).name for name in _listed(value, str, "models", '["gru", "tcn"]')]
    twice = sorted({name for name in given if given.count(name) > 1})
    check(not twice, f"{', '.join(twice)} is in models twice; give every family once")
    return given


def _task(table: Mapping[str, Any], defaults: Mapping[str, Any]) -> SuiteTask:
    _check_keys(table, _OF_TASK, "a task")
    check("name" in table, 'a task needs a name, such as name = "adding"; known: keraseq list tasks')
    name = _known_task(_typed(table["name"], str, "name", 'a text, such as "adding"'))
    given = {**defaults, **table}
    for wanted in ("models", "seeds"):
        check(wanted in given, f"{wanted} are given neither here nor in [defaults]; add {wanted} to one of the two")
    settings = _typed(table.get("settings", {}), dict, "settings", "a table, { length = 200 }")
    vary = _typed(table.get("vary", {}), dict, "vary", "a table of lists, { length = [100, 200] }")
    for setting, values in vary.items():
        values = _listed(values, object, f"vary {setting}", "[100, 200]")
        repeated = [value for value in values if values.count(value) > 1]
        check(not repeated, f"vary {setting} has {repeated[0] if repeated else ''!r} twice; give every value once")
        check(setting not in settings, f"{setting} is both in settings and in vary; leave it out of one of the two")
        for value in values:
            task_config(name, {**settings, setting: value})
    task_config(name, settings)
    shared = _training(defaults, {})
    training = _training(table, shared)
    tuned = _typed(given.get("tuned", 0), int, "tuned", "trials for each family, 0 for none")
    check(tuned >= 0, f"tuned must be 0 or more trials for each family; got {tuned}")
    found = SuiteTask(
        name=name,
        label=None if "label" not in table else _typed(table["label"], str, "label", "a text"),
        settings=settings,
        vary=vary,
        models=models_of(given["models"]),
        seeds=seeds_of(given["seeds"]),
        match=_match(given.get("match", {}), "match"),
        config={**_config(defaults), **_config(table)},
        training=training,
        tuned=tuned,
        published=_published(given),
        overrides={},
    )
    overrides = {}
    tables = _typed(table.get("model", []), list, "model", "tables, each [[task.model]]")
    for place, one in enumerate(tables, start=1):
        called = one.get("name") if isinstance(one, dict) else None
        with _within(f"model {place}" + (f" ({called})" if called else "")):
            family, override = _override(_typed(one, dict, "model", "a table, [[task.model]]"), training)
            check(family in found.models, f"{family} is not among the models of this task; add it to models")
            check(family not in overrides, f"{family} has two tables [[task.model]]; put them together")
            overrides[family] = override
    found = dataclasses.replace(found, overrides=overrides)
    for family in found.models:
        check_settings(family, found.override(family).config)
    _check_sizes(found)
    return found


def _override(table: Mapping[str, Any], training: Mapping[str, Any]) -> tuple[str, Override]:
    _check_keys(table, _OF_MODEL, "a model")
    check("name" in table, 'a model needs a name, such as name = "tcn"; known: keraseq list models')
    family = models.entry(_typed(table["name"], str, "name", 'a text, such as "tcn"')).name
    config = _config(table)
    check_settings(family, config)
    _training(table, training)
    return family, Override(
        config=config,
        training=dict(table.get("training", {})),
        match=None if "match" not in table else _match(table["match"], "match"),
        published=_published(table),
    )


def _known_task(name: str) -> str:
    """The name by which a task is registered, or that of a data set that TFDS knows."""
    if tasks.knows(name):
        return tasks.entry(name).name
    check(not difflib.get_close_matches(name, tasks.names()), unknown("task", name, tasks.names()))
    with quiet_imports():
        import tensorflow_datasets as tfds  # only for what is not registered, as it takes seconds

        known = {*tasks.names(), *tfds.list_builders()}
    check(name.partition(":")[0].partition("/")[0] in known, unknown("task", name, known))
    return name


def _config(table: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_typed(table.get("config", {}), dict, "config", "a table, { layers = 2 }"))


def _training(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of training over others, as plain data of their types: those given alone."""
    given = {**over, **_typed(table.get("training", {}), dict, "training", "a table, { epochs = 10 }")}
    made: Training = configure(Training, given, "training")
    return {name: getattr(made, name) for name in given}


def _match(value: Any, name: str) -> dict[str, list[float]]:
    """Measure → sizes."""
    table = _typed(value, Mapping, name, "a table, { parameters = 60000 }")
    found = {}
    for measure, sizes in table.items():
        sizes = sizes if isinstance(sizes, list | tuple) else [sizes]
        for size in _listed(sizes, int | float, f"{name} {measure}", "[16000, 60000]"):
            check_match({measure: size})
        check(len(set(sizes)) == len(sizes), f"{name} {measure} has a size twice; got {sizes}")
        found[measure] = list(sizes)
    check_match(dict.fromkeys(found, 1.0))
    return found


def _check_sizes(task: SuiteTask, where: str = "") -> None:
    """Raises UsageError where a family has its width both given and solved for."""
    for family in task.models:
        own = task.override(family)
        for measure, sizes in (own.match or {}).items():
            with _within(where):
                check_free(family, own.config, measure, sizes[0])


def _published(table: Mapping[str, Any]) -> str | None:
    if "published" not in table:
        return None
    source: str = _typed(table["published"], str, "published", 'a text, such as "bai2018"')
    check(source in sources(), unknown("source of published numbers", source, sources()))
    return source


def _check_keys(table: Mapping[str, Any], known: Sequence[str], owner: str) -> None:
    for key in table:
        check(key in known, f"{owner}: {unknown('key', key, known)}")


def _typed(value: Any, kind: Any, name: str, wanted: str) -> Any:
    check(
        isinstance(value, kind) and not (kind is int and isinstance(value, bool)),
        f"{name} must be {wanted}; got {value!r}",
    )
    return value


def _listed(value: Any, kind: Any, name: str, example: str) -> list[Any]:
    wanted = f"a list, such as {example}"
    given = list(_typed(value, list | tuple, name, wanted))
    check(bool(given), f"{name} must be {wanted}; got an empty list")
    for one in given:
        _typed(one, kind, name, wanted)
    return given


@contextlib.contextmanager
def _within(place: str) -> Iterator[None]:
    """Puts the place before the message of a UsageError."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{place}: {error}" if place else str(error)) from error


def _home() -> Any:
    return resources.files("keraseq.benchmarking") / "suites"
