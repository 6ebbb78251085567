"""How well a model does on a split."""

from __future__ import annotations

import keras

from keraseq.inference.decode import GreedyDecoder
from keraseq.models.outputs import Translation
from keraseq.tasks import Task
from keraseq.tasks.score import exact_match

MOST_SYMBOLS = 256  # of a translation, where nobody knows how long the longest target is


def score(model: keras.Model, task: Task, split: str = "test") -> dict[str, float]:
    """The loss and all metrics of a compiled model; for a translation also `exact_match`, by greedy decoding."""
    scores = model.evaluate(task.dataset(split, shuffle=False), return_dict=True, verbose=0)
    scores = {name: float(value) for name, value in scores.items()}
    if isinstance(task.output, Translation):
        scores["exact_match"] = _exact_match(model, task, task.output, split)
    return scores


def greedy(model: keras.Model, output: Translation) -> GreedyDecoder:
    """The decoder of a translation model, with room for the longest target."""
    return GreedyDecoder(model, output.start, output.end, output.longest or MOST_SYMBOLS)


def _exact_match(model: keras.Model, task: Task, output: Translation, split: str) -> float:
    decoder = greedy(model, output)
    found, wanted = [], []
    for inputs, targets in task.dataset(split, shuffle=False):
        found += [tuple(output.content(row)) for row in decoder(inputs["source"])]
        wanted += [tuple(output.content(row)) for row in targets.numpy()]
    return exact_match(found, wanted)
