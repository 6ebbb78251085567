"""What can be scored without looking at the inputs."""

from __future__ import annotations

import numpy as np

from keraseq.models.outputs import (
    Classification,
    Forecasting,
    LanguageModelling,
    MultiLabelClassification,
    MultiLabelTagging,
    Output,
    Tagging,
    Transduction,
    Translation,
)
from keraseq.tasks.examples import Examples, Sequences

CHUNK = 1 << 20  # steps counted at once
UNSEEN = 0.5  # added to the count of every class, so that none has probability 0 (Krichevsky and Trofimov 1981)


def chances(output: Output, train: Examples, test: Examples) -> dict[str, float]:
    """Metric → score on `test` of the best answer that `train` suggests to one who does not see the inputs.

    Classification: the commonest label. Regression and forecasting: the mean. Translation and language modelling:
    always the commonest symbol, and the shares of all symbols as probabilities. Several labels: their shares, and for
    F1 those labels that do best where they are always given. Tagging: as translation for labels, but for each step by
    itself where all sequences have one length. Transduction: one string for all, to which the label that lowers the
    error rate of train most is appended as long as one does.
    """
    known, asked = train.targets, test.targets
    if isinstance(known, Sequences) and isinstance(asked, Sequences):
        if isinstance(output, MultiLabelTagging):
            return {"nll": _label_surprise(known.values, asked.values)}
        if isinstance(output, LanguageModelling):
            accuracy, surprise = _guess(output.vocabulary_size, known, asked, by_step=False)
            bits = surprise / np.log(2)
            return {"perplexity": float(np.exp(surprise)), output.bits: float(bits), "accuracy": accuracy}
        if isinstance(output, Translation):
            accuracy, surprise = _guess(output.vocabulary_size, known, asked, by_step=False)
            return {"perplexity": float(np.exp(surprise)), "token_accuracy": accuracy}
        if isinstance(output, Transduction):
            return {output.metric: _error_rate(len(output.labels), known, asked)}
        assert isinstance(output, Tagging)
        accuracy, surprise = _guess(len(output.labels), known, asked, by_step=True)
        return {"accuracy": accuracy, "cross_entropy": surprise}
    assert isinstance(known, np.ndarray)
    assert isinstance(asked, np.ndarray)
    if isinstance(output, MultiLabelClassification):
        surprise = _label_surprise(known, asked) / len(output.labels)
        return {"f1": _label_f1(known, asked), "binary_cross_entropy": surprise}
    if isinstance(output, Classification):
        return {"accuracy": float(np.mean(asked == np.bincount(known).argmax()))}
    away = asked - known.mean(axis=0, dtype=np.float64)
    if isinstance(output, Forecasting):
        return {"mse": float(np.mean(away**2)), "mae": float(np.mean(np.abs(away)))}
    return {"mse": float(np.mean(away**2))}


def _label_f1(train: np.ndarray, test: np.ndarray) -> float:
    """F1 on test of always the same labels: of those commonest in train, as many as do best there."""
    counts = train.sum(axis=0)
    order = np.argsort(-counts, kind="stable")
    sizes = np.arange(1, len(counts) + 1)
    most = 1 + np.argmax(2 * np.cumsum(counts[order]) / (sizes * len(train) + counts.sum()))
    right = test[:, order[:most]].sum()
    return float(2 * right / (most * len(test) + test.sum()))


def _label_surprise(train: np.ndarray, test: np.ndarray) -> float:
    """-log p of the labels of a step or sequence of test, by the shares of each label in train."""
    seen, asked = (np.asarray(side, np.float64) for side in (train, test))
    seen, asked = seen[seen[:, 0] >= 0], asked[asked[:, 0] >= 0]
    p = (seen.sum(axis=0) + UNSEEN) / (len(seen) + 2 * UNSEEN)
    return float(-(asked * np.log(p) + (1 - asked) * np.log(1 - p)).sum(axis=1).mean())


def _error_rate(classes: int, train: Sequences, test: Sequences) -> float:
    """Edits a label of test from the string that fits train, which is found label by label."""
    sides = [side.pad(np.arange(len(side)), np.int32, -1)[0] for side in (train, test)]
    lengths = [side.lengths for side in (train, test)]
    rows = [np.broadcast_to(np.arange(side.shape[1] + 1), (len(side), side.shape[1] + 1)) for side in sides]
    while True:
        edits = [_total(_next_row(rows[0], sides[0], label), lengths[0]) for label in range(classes)]
        if min(edits) >= _total(rows[0], lengths[0]):
            return _total(rows[1], lengths[1]) / max(1, int(lengths[1].sum()))
        label = int(np.argmin(edits))
        rows = [_next_row(row, side, label) for row, side in zip(rows, sides, strict=True)]


def _next_row(row: np.ndarray, targets: np.ndarray, label: int) -> np.ndarray:
    """The edits from a string with one label more to the first 0, 1, … labels of each target.

    Args:
        row: those from the string without it, `(targets, labels + 1)`.
        targets: `(targets, labels)`.
        label: that is appended.

    Reference: Wagner and Fischer 1974, doi:10.1145/321796.321811.
    """
    place = np.arange(row.shape[1])
    best = row + 1
    best[:, 1:] = np.minimum(best[:, 1:], row[:, :-1] + (targets != label))
    return np.minimum.accumulate(best - place, axis=1) + place


def _total(row: np.ndarray, lengths: np.ndarray) -> int:
    """The edits to all targets as a whole."""
    return int(row[np.arange(len(row)), lengths].sum())


def _guess(classes: int, train: Sequences, test: Sequences, by_step: bool) -> tuple[float, float]:
    """Accuracy and cross-entropy on test of the shares that classes have in train."""
    lengths = np.unique(np.concatenate([train.lengths, test.lengths]))
    places = int(lengths[0]) if by_step and len(lengths) == 1 else 1
    seen = _counts(train, places, classes) + UNSEEN  # (places, classes)
    asked = _counts(test, places, classes)
    surprise = -np.log(seen / seen.sum(axis=1, keepdims=True))
    right = np.take_along_axis(asked, seen.argmax(axis=1)[:, None], axis=1)
    return float(right.sum() / asked.sum()), float((asked * surprise).sum() / asked.sum())


def _counts(targets: Sequences, places: int, classes: int) -> np.ndarray:
    """How often each class is asked for at each place, `(places, classes)`, without a copy of all steps."""
    counts = np.zeros(places * classes, np.int64)
    for start in range(0, len(targets.values), CHUNK):
        values = np.asarray(targets.values[start : start + CHUNK], np.int64)
        place = np.arange(start, start + len(values)) % places
        counts += np.bincount((place * classes + values)[values >= 0], minlength=len(counts))
    return counts.reshape(places, classes)
