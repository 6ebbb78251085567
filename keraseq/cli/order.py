"""What a call of `keraseq train` comes to: every name and value checked, before anything runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keraseq.cli.output import settings
from keraseq.config import check, configure, settings_of
from keraseq.files import make_folder
from keraseq.models import check_settings
from keraseq.registry import models, strategies
from keraseq.tasks import task_config
from keraseq.training.settings import Training
from keraseq.tuning.job import Job, TaskReference


@dataclass(frozen=True)
class Order:
    """What was typed, as far as it decides what is trained.

    Attributes:
        model, task: names; no model where a trial is trained again.
        source: a trial, or a study for its best one; None trains a model by name.
        sets: of `--set`.
        epochs, parameters: None where they were not given.
        precision: of the model.
        strategy, seed: None takes the trial's, or the usual one.
        data_dir: of TFDS, and whether it was typed, so that it goes before the trial's.
        directory: None is named after all of these.
    """

    model: str | None
    task: str | None
    source: Path | None
    sets: tuple[str, ...]
    epochs: int | None
    parameters: int | None
    precision: str
    strategy: str | None
    seed: int | None
    data_dir: tuple[str | None, bool]
    directory: Path | None

    def job(self) -> tuple[Job, dict[str, Any]]:
        """What is to be trained, in its folder, and what came of the trial that it repeats, if it does.

        Raises:
            UsageError: an unknown name, or a value out of range.
            KeraseqError: the folder cannot be written.
        """
        given = settings(self.sets, ("task", "model", "training"))
        if self.epochs is not None:
            given["training"]["epochs"] = str(self.epochs)
        job, trial = self._named() if self.source is None else self._of_trial(self.source)
        config = {**job.config, **given["model"]}
        check_settings(job.family, config)
        training: Training = configure(Training, {**job.training, **given["training"]}, "training")
        task = task_config(job.task.name, {**job.task.settings, **given["task"]})
        strategy, seed = self.strategy or job.strategy, job.seed if self.seed is None else self.seed
        strategies.get(strategy)
        told = json.dumps([given, self.parameters, self.precision, seed, *trial.values()], sort_keys=True)
        name = f"{job.family}-{job.task.name.replace('/', '-')}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
        folder = make_folder(self.directory or Path("runs") / name)
        check(
            not trial or not folder.samefile(trial["folder"]), f"{folder} is the trial's own; choose another directory"
        )
        made = replace(
            job,
            task=replace(job.task, settings=settings_of(task)),
            config=config,
            training=settings_of(training),
            strategy=strategy,
            seed=seed,
            folder=str(folder),
        )
        return made, trial

    def _named(self) -> tuple[Job, dict[str, Any]]:
        check(
            self.model is not None,
            "train takes a model, as in keraseq train gru digits, or --from STUDY/7; got neither",
        )
        family = models.entry(self.model or "").name
        match = {"parameters": float(self.parameters)} if self.parameters else {}
        task = TaskReference(self.task or "digits", {}, self.data_dir[0])
        return Job(task, family, {}, {}, match, None, "auto", 0, ""), {}

    def _of_trial(self, source: Path) -> tuple[Job, dict[str, Any]]:
        """What a trial was asked to do, and what came of it."""
        from keraseq.tuning.record import record_of
        from keraseq.tuning.study import check_family, locate

        check(
            self.model is None,
            f"--from says model and task itself; got {self.model} besides: leave it out, or change it by --set",
        )
        check(
            self.parameters is None, "--from says the size itself; change the width by --set model.NAME=VALUE instead"
        )
        study, index, replicate = locate(source)
        job, record = study.job(index, replicate), record_of(study.launch(index, replicate))
        check_family(job)
        data_dir, typed = self.data_dir
        if typed or job.task.data_dir is None:
            job = replace(job, task=replace(job.task, data_dir=data_dir))
        score = record.score if record else None
        return job, {"folder": str(Path(job.folder).resolve()), study.task["metric"]: score}
