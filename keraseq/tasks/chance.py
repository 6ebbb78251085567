"""What can be scored without looking at the inputs."""

from __future__ import annotations

import numpy as np

from keraseq.models.outputs import Classification, Output, Tagging, Translation
from keraseq.tasks.examples import Examples, Sequences

UNSEEN = 0.5  # added to the count of every class, so that none has probability 0 (Krichevsky and Trofimov 1981)


def chances(output: Output, train: Examples, test: Examples) -> dict[str, float]:
    """Metric → score on `test` of the best answer that `train` suggests to one who does not see the inputs.

    Classification: the commonest label. Regression: the mean. Translation: always the commonest symbol, and the shares
    of all symbols as probabilities. Tagging: the same for labels, but for each step by itself where all sequences have
    one length.
    """
    known, asked = train.targets, test.targets
    if isinstance(known, Sequences) and isinstance(asked, Sequences):
        if isinstance(output, Translation):
            accuracy, surprise = _guess(output.vocabulary_size, known, asked, by_step=False)
            return {"perplexity": float(np.exp(surprise)), "token_accuracy": accuracy}
        assert isinstance(output, Tagging)
        accuracy, surprise = _guess(len(output.labels), known, asked, by_step=True)
        return {"accuracy": accuracy, "cross_entropy": surprise}
    assert isinstance(known, np.ndarray)
    assert isinstance(asked, np.ndarray)
    if isinstance(output, Classification):
        return {"accuracy": float(np.mean(asked == np.bincount(known).argmax()))}
    return {"mse": float(np.mean((asked - known.mean(axis=0, dtype=np.float64)) ** 2))}


def _guess(classes: int, train: Sequences, test: Sequences, by_step: bool) -> tuple[float, float]:
    """Accuracy and cross-entropy on test of the shares that classes have in train."""
    lengths = np.unique(np.concatenate([train.lengths, test.lengths]))
    places = int(lengths[0]) if by_step and len(lengths) == 1 else 1
    seen = np.bincount(_cells(train, places, classes), minlength=places * classes)
    counts = seen.reshape(places, classes) + UNSEEN
    best = counts.argmax(axis=1)  # (places,)
    surprise = -np.log(counts / counts.sum(axis=1, keepdims=True))  # (places, classes)
    cells = _cells(test, places, classes)
    return float(np.mean(best[cells // classes] == cells % classes)), float(np.mean(surprise.ravel()[cells]))


def _cells(targets: Sequences, places: int, classes: int) -> np.ndarray:
    """`place * classes + class` of all steps that count."""
    values = np.asarray(targets.values, np.int64)
    place = np.arange(len(values)) % places
    return (place * classes + values)[values >= 0]
