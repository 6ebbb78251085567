"""How well a model does on a split."""

from __future__ import annotations

import keras

from keraseq.inference.carried import Carried
from keraseq.inference.decode import GreedyDecoder
from keraseq.models.outputs import Translation
from keraseq.tasks import Task
from keraseq.tasks import score as scores
from keraseq.tasks.preprocess import PairPreprocessor

MOST_SYMBOLS = 256  # of a translation, where nobody knows how long the longest target is


def score(model: keras.Model, task: Task, split: str = "test") -> dict[str, float]:
    """The loss and all metrics of a compiled model; for a translation also those of decoded texts.

    Where the task carries rows on from batch to batch, so does the model, which then need not be compiled.
    """
    if task.carries:
        model = Carried(model, task.config.batch_size)
        model.compile(**task.measures)
    found = model.evaluate(task.dataset(split, shuffle=False), return_dict=True, verbose=0)
    found = {name: float(value) for name, value in found.items()}
    if isinstance(task.output, Translation) and task.config.scores:
        found |= _decoded(model, task, task.output, split)
    return found


def greedy(model: keras.Model, output: Translation) -> GreedyDecoder:
    """The decoder of a translation model, with room for the longest target."""
    return GreedyDecoder(model, output.start, output.end, output.longest or MOST_SYMBOLS)


def _decoded(model: keras.Model, task: Task, output: Translation, split: str) -> dict[str, float]:
    """The task's scores of what greedy decoding writes."""
    assert isinstance(task.preprocessor, PairPreprocessor)
    decoder, read = greedy(model, output), task.preprocessor.target.decode
    found, wanted = [], []
    for inputs, targets in task.dataset(split, shuffle=False):
        found += [read(output.content(row)) for row in decoder(inputs["source"])]
        wanted += [read(output.content(row)) for row in targets.numpy()]
    return {name: getattr(scores, name)(found, wanted) for name in task.config.scores}
