"""How well a model does on a split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keraseq.errors import KeraseqError
from keraseq.inference.carried import Carried
from keraseq.inference.decode import GreedyDecoder
from keraseq.models.outputs import Tagging, Translation
from keraseq.tasks import Task
from keraseq.tasks import score as scores
from keraseq.tasks.preprocess import PairPreprocessor

MOST_SYMBOLS = 256  # of a translation, where nobody knows how long the longest target is


def score(model: keras.Model, task: Task, split: str = "test") -> dict[str, float]:
    """The loss and all metrics of a compiled model, and the task's own scores of what it answers.

    Where the task carries rows on from batch to batch, so does the model, which then need not be compiled.
    """
    if task.carries:
        model = Carried(model, task.config.batch_size)
        model.compile(**task.measures)
    found = model.evaluate(task.dataset(split, shuffle=False), return_dict=True, verbose=0)
    found = {name: float(value) for name, value in found.items()}
    if task.config.scores:
        answers, wanted = _answers(model, task, split)
        found |= {name: getattr(scores, name)(answers, wanted) for name in task.config.scores}
    return found


def greedy(model: keras.Model, output: Translation) -> GreedyDecoder:
    """The decoder of a translation model, with room for the longest target."""
    return GreedyDecoder(model, output.start, output.end, output.longest or MOST_SYMBOLS)


def _answers(model: keras.Model, task: Task, split: str) -> tuple[list[Any], list[Any]]:
    """What the model answers and what is right: texts of a translation, or the labels of each sequence."""
    batches = _counted(task, split)
    match task.output, task.preprocessor:
        case Translation() as output, PairPreprocessor():
            return _texts(greedy(model, output), output, task.preprocessor.target.decode, batches)
        case Tagging() as output, _:
            return _labels(model, output, batches)
    raise KeraseqError(f"{task.name}: {', '.join(task.config.scores)} cannot score {task.output.kind}")


def _counted(task: Task, split: str) -> Iterator[tuple[Any, np.ndarray, int]]:
    """The batches of a split, with how many of their rows, the first ones, count."""
    for inputs, targets, *weights in task.dataset(split, shuffle=False):
        yield inputs, targets.numpy(), int(np.sum(weights[0])) if weights else len(targets)


def _texts(decoder: GreedyDecoder, output: Translation, read: Any, batches: Any) -> tuple[list[str], list[str]]:
    found, wanted = [], []
    for inputs, targets, count in batches:
        found += [read(output.content(row)) for row in decoder(inputs["source"])[:count]]
        wanted += [read(output.content(row)) for row in targets[:count]]
    return found, wanted


def _labels(model: keras.Model, output: Tagging, batches: Any) -> tuple[list[list[str]], list[list[str]]]:
    """The likeliest and the right labels of the steps that count."""
    found, wanted = [], []
    for inputs, targets, count in batches:
        answers = output.decode(model.predict_on_batch(inputs), targets != output.padding)
        found += [answer["labels"] for answer in answers[:count]]
        wanted += [[output.labels[k] for k in row if k != output.padding] for row in targets[:count]]
    return found, wanted
