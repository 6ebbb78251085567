"""Benchmarks and studies for TensorBoard: learning curves as scalars, settings and scores as HParams."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keraseq.benchmarking.results import Run, Source, together
from keraseq.errors import KeraseqError
from keraseq.files import make_folder

GROUPS = ("config", "training")
LONGEST = 60  # letters of a folder's name, which may be of four bytes each


def write_scalars(sources: Sequence[Source], folder: str | Path) -> int:
    """Writes event files, a folder a run, below an empty or new `folder`: `tensorboard --logdir FOLDER`.

    Returns:
        how many runs were written.

    Raises:
        KeraseqError: the folder holds something, or cannot be written to.
    """
    from tensorboard.plugins.hparams import api
    from tensorflow.summary import create_file_writer, scalar

    folder = make_folder(Path(folder))
    if any(folder.iterdir()):
        raise KeraseqError(f"{folder} holds something already, and TensorBoard would show both; choose another folder")
    runs = [run for run in together(sources)[0] if run.record.kind == "run"]
    for place, run in enumerate(runs):
        record = run.record
        settings, metrics = _settings(run), _metrics(run)
        name = f"{record.label or record.task} {record.family} seed {record.seed}"
        where = folder / f"{place:04d} {name}".replace("/", "-")[:LONGEST]
        with create_file_writer(str(where)).as_default(step=0):
            api.hparams(settings, trial_id=f"{place:04d}-{record.id}")
            for metric, value in metrics.items():
                scalar(metric, value, step=record.best_epoch or 0)
            for line in record.curve:
                for metric, value in line.items():
                    if metric != "epoch" and isinstance(value, int | float) and math.isfinite(value):
                        scalar(f"epoch/{metric}", value, step=int(line["epoch"]))
    return len(runs)


def _settings(run: Run) -> dict[str, Any]:
    """What HParams compares: plain values; lists and nothings as text."""
    record = run.record
    flat: dict[str, Any] = {"task": record.label or record.task, "family": record.family, "seed": record.seed}
    for group in GROUPS:
        given: Mapping[str, Any] = getattr(record, group)
        flat |= {f"{group}/{name}": value for name, value in given.items() if value is not None}
    return {name: value if isinstance(value, bool | int | float | str) else str(value) for name, value in flat.items()}


def _metrics(run: Run) -> dict[str, float]:
    record = run.record
    found = {f"test/{name}": value for name, value in record.test.items()}
    found |= {"validation": record.validation, "parameters": record.parameters, "seconds": record.seconds}
    return {name: float(value) for name, value in found.items() if value is not None}
