"""Connectionist temporal classification: the loss of a sequence of labels given frames, and the errors of what is read.

A *path* has one class a frame: a label, or the blank, which is the last class. It is read by merging what repeats and
leaving out blanks: a a - a b b reads a a b. The steps of a target that are `padding`, all behind its labels, do not
count. Sample weights are of sequences.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check


@keras.saving.register_keras_serializable("keraseq")
class CTCLoss(keras.losses.Loss):
    """-log p(target | frames) a label, averaged over all labels of a batch; an empty target counts as one label.

        p(target) = Σ_π Π_t p(π_t),  over all paths π that read as the target,  p = softmax(logits_t)

    Where a target needs more frames than there are, one for each label and one between two of a kind, no path reads so,
    and the loss is a large number.

    Args:
        padding: target at steps that do not count.

    Call:
        y_true: int `(batch, symbols)`. y_pred: logits, `(batch, frames, labels + 1)`. sample_weight: `(batch,)`.

    Raises:
        UsageError: sample weights that are not of sequences.

    Reference: Graves et al. 2006, doi:10.1145/1143844.1143891, equations 3 and 8; computed by `keras.ops.ctc_loss`.
    """

    def __init__(self, padding: int, name: str = "ctc"):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.padding = padding

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        # The base class would multiply by the mask that y_pred carries; what an operation gives carries none.
        weight = ops.maximum(_lengths(y_true, self.padding), 1.0) * _of_sequences(sample_weight)
        return super().__call__(y_true, y_pred + 0, weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        length = _lengths(y_true, self.padding)
        # One label more, which does not count: TensorFlow errs where no target has any.
        target = ops.pad(ops.maximum(ops.cast(y_true, "int32"), 0), ((0, 0), (0, 1)))
        frames = ops.full_like(length, ops.shape(y_pred)[1], dtype="int32")
        blank = y_pred.shape[-1] - 1
        loss = ops.ctc_loss(target, y_pred, ops.cast(length, "int32"), frames, mask_index=blank)
        return loss / ops.maximum(length, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "padding": self.padding}


@keras.saving.register_keras_serializable("keraseq")
class ErrorRate(keras.metrics.Metric):
    """Edits a label of the targets, over all sequences since the last reset: at least 0, and above 1 where too much is
    read.

        rate = Σ_i w_i d(read_i, target_i) / Σ_i w_i |target_i|

    with what the best path reads, and d the fewest insertions, deletions and substitutions from one to the other.

    Args:
        padding: target at steps that do not count.

    Raises:
        UsageError: sample weights that are not of sequences.

    Reference: Levenshtein 1966, Soviet Physics Doklady 10.
    """

    def __init__(self, padding: int, name: str = "error_rate", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.padding = padding
        self.edits = self.add_variable(shape=(), initializer="zeros", name="edits")
        self.symbols = self.add_variable(shape=(), initializer="zeros", name="symbols")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        weight, length = _of_sequences(sample_weight), _lengths(y_true, self.padding)
        edits = edit_distance(*best_path(y_pred), ops.cast(y_true, "int32"), length)
        self.edits.assign_add(ops.sum(weight * edits))
        self.symbols.assign_add(ops.sum(weight * length))

    def result(self) -> Any:
        return ops.divide_no_nan(self.edits.value, self.symbols.value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding}


def best_path(logits: Any) -> tuple[Any, Any]:
    """The likeliest class of each frame, int32, `(batch, frames)`, and where it is read as a label: bool, the same.

    Args:
        logits: `(batch, frames, labels + 1)`.

    Reference: Graves et al. 2006, doi:10.1145/1143844.1143891, section 3.2, best path decoding.
    """
    blank = logits.shape[-1] - 1
    path = ops.cast(ops.argmax(logits, axis=-1), "int32")
    before = ops.pad(path[:, :-1], ((0, 0), (1, 0)), constant_values=blank)
    return path, ops.logical_and(path != blank, path != before)


def edit_distance(path: Any, read: Any, target: Any, length: Any) -> Any:
    """The fewest insertions, deletions and substitutions from what is read to the target, float32, `(batch,)`.

        D_0,j = j,   D_i,j = min(D_i-1,j + 1, D_i,j-1 + 1, D_i-1,j-1 + [symbol i ≠ target j])

    row by row, of which the middle term is a running minimum: D_i,j = min_k≤j (D_i,k without it + j - k).

    Args:
        path: int32, `(batch, frames)`.
        read: bool, `(batch, frames)`: which frames are read.
        target: int32, `(batch, symbols)`.
        length: symbols of each target that count, float32, `(batch,)`.

    Reference: Wagner and Fischer 1974, doi:10.1145/321796.321811.
    """
    count = ops.cumsum(ops.cast(read, "int32"), axis=1)  # (batch, frames)
    total = ops.max(count, axis=1)  # (batch,)
    place = ops.arange(ops.shape(target)[1] + 1, dtype="float32")
    away = place[None, :] - place[:, None]  # from k to j
    away = ops.where(away < 0, float("inf"), away)

    def unread(i: Any, row: Any) -> Any:
        return i < ops.max(total)

    def next_row(i: Any, row: Any) -> tuple[Any, Any]:
        here = ops.logical_and(read, count == i + 1)  # (batch, frames), True once in a row that has so many symbols
        symbol = ops.sum(ops.where(here, path, 0), axis=1, keepdims=True)
        differs = ops.cast(symbol != target, "float32")
        best = ops.minimum(row[:, 1:] + 1, row[:, :-1] + differs)
        best = ops.concatenate([row[:, :1] + 1, best], axis=1)
        best = ops.min(best[:, :, None] + away, axis=1)
        return i + 1, ops.where((i < total)[:, None], best, row)

    first = ops.zeros_like(length)[:, None] + place  # (batch, symbols + 1)
    _, row = ops.while_loop(unread, next_row, (0, first))
    return ops.sum(ops.where(place == length[:, None], row, 0.0), axis=1)


def _lengths(y_true: Any, padding: int) -> Any:
    """Labels of each target, float32, `(batch,)`."""
    return ops.sum(ops.cast(ops.not_equal(y_true, padding), "float32"), axis=1)


def _of_sequences(sample_weight: Any) -> Any:
    """The weight of each sequence, float32, `(batch,)`, or 1."""
    if sample_weight is None:
        return 1.0
    shape = tuple(sample_weight.shape)
    check(
        len(shape) == 1 or (len(shape) == 2 and shape[1] == 1),
        f"sample weights must be of sequences, (batch,), where targets are sequences of their own; got shape {shape}",
    )
    return ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
