"""From a name and settings to a task."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keraseq.config import configure
from keraseq.errors import KeraseqError, UsageError
from keraseq.files import write_json
from keraseq.models import inputs as input_kinds
from keraseq.models import outputs as output_kinds
from keraseq.models.inputs import Features, Inputs, Waveform, valid_steps
from keraseq.models.outputs import Transduction
from keraseq.registry import UnknownNameError, tasks
from keraseq.tasks import cache
from keraseq.tasks.config import TaskConfig
from keraseq.tasks.examples import Examples, Sequences
from keraseq.tasks.inferred import Inferred
from keraseq.tasks.pipeline import Batching, assemble
from keraseq.tasks.preprocess import FeaturePreprocessor, Preprocessor
from keraseq.tasks.task import SPLITS, Task

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20  # steps handled at once
LONG = 50_000  # steps from which on a sequence is told of, if it is
OUTLYING = 20  # times as long as usual


def task_config(name: str, settings: Mapping[str, Any]) -> TaskConfig:
    """The checked settings of a task, without TensorFlow and without data.

    A name that is not registered is taken for a TFDS name; whether TFDS knows it, only `load_task` tells.

    Raises:
        UsageError: unknown setting, wrong type or value.
    """
    try:
        entry = tasks.entry(name)
    except UnknownNameError:
        config = configure(Inferred, {"dataset": name, **settings}, f"task {name!r}")
        if config.dataset != name:
            raise UsageError(f"task {name!r}: dataset is the name itself; got {config.dataset!r}") from None
        return config
    return configure(entry.component, settings, f"task {entry.name!r}")


def load_task(name: str, *, data_dir: str | os.PathLike[str] | None = None, **settings: Any) -> Task:
    """Loads a task; its data are downloaded, prepared and encoded at the first call and read from the cache later.

    Args:
        name: a registered task (`keraseq.tasks.names()`) or any TFDS name, `"data"` or `"data/config"`.
        data_dir: where TFDS keeps data; None takes what TFDS_DATA_DIR names, else `~/tensorflow_datasets`.
        **settings: fields of the task's configuration, such as `batch_size`.

    Raises:
        UsageError: unknown task, wrong setting, or data that cannot be used as asked.
        KeraseqError: a file is missing, a folder cannot be written, the data are damaged.

    Example:
        >>> task = load_task("imdb_reviews", max_length=400)  # doctest: +SKIP
    """
    config = task_config(name, settings)
    name = name if isinstance(config, Inferred) else tasks.entry(name).name
    where = None if data_dir is None else os.fspath(data_dir)
    folder = cache.place(name, config.identity(where))
    if not folder.is_dir():
        with cache.writing(folder) as temporary:
            _encode(name, config, where, temporary)
    try:
        return Task(name, config, folder, where)
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise KeraseqError(f"the cached task {folder} cannot be read: {error}. Remedy: delete that folder") from error


def _encode(name: str, config: TaskConfig, data_dir: str | None, folder: Path) -> None:
    """Reads the raw data of a task and writes to `folder` all that a `Task` reads."""
    data = config.read(data_dir)
    preprocessor = config.fit(data.splits["train"])
    examples: dict[str, Examples] = {}
    for split in SPLITS:
        try:
            config.encode(split, data.splits[split], preprocessor).save(folder, split)
            examples[split] = config.load(folder, split)
        except UsageError as error:
            raise KeraseqError(f"{name}, {split}: {error}") from error
        except OSError as error:
            raise cache.unwritable(error) from error
        _warn_of_long(f"{name}, {split}", examples[split].sizes.max(axis=1))
    output = data.output or preprocessor.output(max(int(e.sizes[:, -1].max()) for e in examples.values()))
    if output.targets == "steps":
        for split in SPLITS:
            _check_a_label_each_step(f"{name}, {split}", examples[split])
    if isinstance(output, Transduction):
        for split in SPLITS:
            _check_a_frame_each_label(f"{name}, {split}", examples[split], preprocessor.spec, output)
    meta = {
        "inputs": input_kinds.to_json(_inputs(preprocessor, examples["train"], config.standardise)),
        "output": output_kinds.to_json(output),
        "about": data.about,
    }
    try:
        write_json(folder / "preprocessor.json", preprocessor.to_json())
        write_json(folder / "task.json", meta)
    except OSError as error:
        raise cache.unwritable(error) from error


def _warn_of_long(where: str, lengths: np.ndarray) -> None:
    """A sequence far longer than all others makes a batch that may not fit into memory."""
    longest, usual = int(lengths.max()), float(np.median(lengths))
    if longest >= LONG and longest > OUTLYING * usual:
        logger.warning(
            "%s: example %d has %d steps, half of all have at most %g: its batch will be as long. "
            "Remedy: cut it, leave it out, or set token_budget, which leaves it alone in its batch",
            where, int(lengths.argmax()), longest, usual,
        )  # fmt: skip


def _check_a_label_each_step(where: str, examples: Examples) -> None:
    wrong = np.flatnonzero(examples.sizes[:, 0] != examples.sizes[:, 1])
    if len(wrong):
        steps, labels = examples.sizes[wrong[0]]
        raise KeraseqError(f"{where}: every step needs a label; example {wrong[0]} has {steps} steps, {labels} labels")


def _check_a_frame_each_label(where: str, examples: Examples, inputs: Inputs, output: Transduction) -> None:
    """Raises KeraseqError where a target has too many labels for its frames, which no path then reads."""
    assert isinstance(examples.targets, Sequences)
    for index, (target, length) in enumerate(zip(examples.targets, examples.lengths, strict=True)):
        needed, frames = output.frames(target), input_kinds.steps(inputs, int(length))
        if frames < needed:
            raise KeraseqError(
                f"{where}: the {len(target)} labels of example {index} need {needed} frames, one each and one between "
                f"two of a kind; its sequence gives {frames}. Remedy: a smaller hop, or leave the example out"
            )


def _inputs(preprocessor: Preprocessor, train: Examples, standardise: bool) -> Inputs:
    """The inputs of the model; features and frames with mean and deviation over the training steps where asked for.

    The numbers of a step have a mean and a deviation each, but those of an image share one, being of one kind: a border
    that is nearly always black would otherwise be blown up. What never varies is only shifted.
    """
    spec = preprocessor.spec
    if standardise and isinstance(spec, Waveform):
        return _with_moments(spec, *_moments_of_frames(spec, train))
    if not standardise or not isinstance(preprocessor, FeaturePreprocessor) or not isinstance(spec, Features):
        return spec
    mean, deviation = _moments(train.inputs.values.reshape(len(train.inputs.values), -1))
    if preprocessor.layout != "steps":
        shared = np.sqrt(np.mean(deviation**2 + (mean - mean.mean()) ** 2))
        mean, deviation = np.full_like(mean, mean.mean()), np.full_like(deviation, shared)
    return _with_moments(spec, mean, deviation)


def _with_moments(spec: Features | Waveform, mean: np.ndarray, deviation: np.ndarray) -> Inputs:
    deviation = np.where(deviation > 0, deviation, 1.0)
    return dataclasses.replace(spec, mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column, in float64, without a copy of all values."""
    chunks = [values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK)]
    mean = sum(chunk.sum(axis=0, dtype=np.float64) for chunk in chunks) / len(values)
    square = sum(((chunk - mean) ** 2).sum(axis=0) for chunk in chunks) / len(values)
    return np.asarray(mean), np.sqrt(square)


def _moments_of_frames(spec: Waveform, train: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each band over the training frames, in float64, from some recordings at a time."""
    log_mel = spec.log_mel(dtype="float32")
    count, total, square = 0, np.zeros(spec.mels), np.zeros(spec.mels)
    for index in Batching(max(1, _CHUNK // int(train.lengths.max()))).plan(train.lengths):
        given = assemble(train, index, spec)
        values, mask = (given["values"], given["mask"]) if isinstance(given, dict) else (given, None)
        frames = np.asarray(log_mel(values, mask=mask), np.float64)  # (batch, time, mels)
        valid = valid_steps(spec, given)
        steps = frames.reshape(-1, spec.mels) if valid is None else frames[valid]
        count += len(steps)
        total += steps.sum(axis=0)
        square += (steps**2).sum(axis=0)
    mean = total / count
    return mean, np.sqrt(np.maximum(square / count - mean**2, 0))
