"""The best settings of a family on a task: a search of its own, before the runs that count."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keraseq.benchmarking.runs import Run
from keraseq.benchmarking.suite import STUDY_SEED
from keraseq.benchmarking.view import View
from keraseq.config import fields
from keraseq.errors import KeraseqError
from keraseq.registry import models
from keraseq.training.settings import Training
from keraseq.tuning.search import search


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        config: settings of the family, all but its width.
        training: all settings of `Training`.
        width: of the family.
    """

    config: Mapping[str, Any]
    training: Mapping[str, Any]
    width: int


def settings(run: Run, home: Path, workers: int, data_dir: str | None, view: View) -> Found | str:
    """The settings that did best on validation in a search, or why there are none.

    What the suite gives of the family stays fixed; of training, what has a range is searched. The search has a seed of
    its own, a study in `home`, and goes on where it was stopped.

    Args:
        run: one of those that the settings are for; its seed does not matter.
        home: folder of studies.
        workers: trials at once.
        data_dir: TFDS data directory.
        view: is told.
    """
    searched = {field.name for field in fields(Training) if field.range is not None}
    folder = home / folder_name(run)
    view.searching(run, folder)
    try:
        study = search(
            run.task,
            [run.family],
            trials=run.tuned,
            workers=workers,
            seed=STUDY_SEED,
            match=dict(run.match),
            fix={f"{run.family}/{name}": value for name, value in run.config.items()},
            seeds=0,
            directory=folder,
            task_settings=dict(run.settings),
            data_dir=data_dir,
            progress=False,
            **{name: value for name, value in run.training.items() if name not in searched},
        )
        winner = study.winner()
        if winner is None:
            return f"no trial completed; see {folder}"
        job = study.job(winner.index)
    except KeraseqError as error:
        return str(error)
    width = models.get(run.family).width
    config = {name: value for name, value in job.config.items() if name != width}
    return Found(config, {**run.training, **job.training}, job.config[width])


def folder_name(run: Run) -> str:
    """Of the study of a run's group."""
    plain = re.sub(r"[^\w.]+", "-", f"{run.label}-{run.family}")
    return f"{plain}-{hashlib.sha256(run.group.encode()).hexdigest()[:6]}"
