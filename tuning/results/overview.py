"""Studies from outside: what lies in a folder, what failed and why, what one trial came to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keraseq.errors import KeraseqError
from keraseq.registry import models
from keraseq.training.outcome import Outcome
from keraseq.tuning.record import Record, record_of, trial_name
from keraseq.tuning.space import split
from keraseq.tuning.study import Study, holder


@dataclass(frozen=True)
class Overview:
    """A study in one line.

    Attributes:
        path: its folder.
        task: name.
        metric: of its scores.
        families: model names.
        ended: trials of the search that ended.
        failed: those of them without a score.
        best: best score of the search, or None.
        held_by: process of the search that goes on in it now, or None.
        problem: why the study cannot be read, or empty; then little else is known.
    """

    path: str
    task: str | None = None
    metric: str | None = None
    families: tuple[str, ...] = ()
    ended: int = 0
    failed: int = 0
    best: float | None = None
    held_by: str | None = None
    problem: str = ""


def studies_below(folder: Path) -> list[Path]:
    """Folders of studies in a folder and those below it, by name; nothing is looked for inside of a study.

    Raises:
        KeraseqError: there is no such folder.
    """
    if not folder.is_dir():
        raise KeraseqError(f"no folder {folder}; give one that holds studies, or make one by keraseq search")
    found = []
    for place, inner, files in os.walk(folder):
        if "study.json" in files:
            found.append(Path(place))
            inner.clear()
    return sorted(found)


def overview(path: Path) -> Overview:
    """A study in one line; one that is damaged is told as such."""
    try:
        study = Study(path)
        records, winner = study.records(), study.winner()
    except KeraseqError as error:
        return Overview(str(path), held_by=holder(path), problem=str(error))
    return Overview(
        path=str(path),
        task=study.task["name"],
        metric=study.task["metric"],
        families=tuple(study.plan.models),
        ended=len(records),
        failed=sum(record.score is None for record in records),
        best=winner.score if winner else None,
        held_by=holder(path),
    )


@dataclass(frozen=True)
class Failures:
    """Trials that ended in one way without a score.

    Attributes:
        outcome: how.
        trials: their names.
        message: of the first of them.
    """

    outcome: Outcome
    trials: tuple[str, ...]
    message: str


def failures(records: Sequence[Record]) -> list[Failures]:
    """Trials without a score, by outcome, the most frequent first."""
    lost: dict[Outcome, list[Record]] = {}
    for record in records:
        if record.score is None:
            lost.setdefault(record.outcome, []).append(record)
    ordered = sorted(lost.items(), key=lambda entry: -len(entry[1]))
    return [Failures(outcome, tuple(r.name for r in own), own[0].message) for outcome, own in ordered]


def spent(study: Study) -> dict[str, Any]:
    """Seconds: of all searches of the study by the clock, of its trials together, and of those of each family."""
    records = study.all_records()
    return {
        "elapsed": study.elapsed(),
        "trials": sum(record.seconds for record in records),
        "families": {
            family: sum(record.seconds for record in records if record.family == family) for family in study.plan.models
        },
    }


def details(study: Study, index: int, replicate: int = 0) -> dict[str, Any]:
    """Everything about one trial, as plain data; of one that has not ended, what is known so far.

    Raises:
        UsageError: there is no such trial.
    """
    launch = study.launch(index, replicate)
    told, record = launch.user_attrs, record_of(launch)
    folder = study.folder(index, replicate)
    trace = folder / "traceback.txt"
    facts = {"index": index, "replicate": replicate, "family": told["family"], "seed": told["seed"]}
    if record is None:
        held = holder(study.path) is not None
        running = held and not launch.state.is_finished()
        facts |= {"outcome": "running" if running else Outcome.INTERRUPTED, "params": dict(launch.params)}
    else:
        facts |= {**vars(record), "params": dict(record.params), "match": dict(record.match)}
    return {
        "trial": trial_name(index, replicate),
        **facts,
        "settings": settings(launch.params, told["family"]),
        "test": study.test_scores().get(trial_name(index, replicate)),
        "history": study.history(index, replicate),
        "launches": len(study.attempts()[index, replicate]),
        "traceback": trace.read_text(encoding="utf-8") if trace.is_file() else None,
        "folder": str(folder),
    }


def settings(params: dict[str, Any], family: str) -> dict[str, Any]:
    """What was sampled, under the names that `keraseq train --set` takes; a hypermodel's stay as they are."""
    if family not in models.names():
        return dict(params)
    groups = zip(("model", "training", "task"), split(params, family), strict=True)
    return {f"{group}.{name}": value for group, values in groups for name, value in values.items()}
