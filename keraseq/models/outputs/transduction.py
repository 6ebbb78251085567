"""A sequence of labels for a sequence, in the order of what is heard or seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.config import check
from keraseq.models.outputs.base import OutputKind

if TYPE_CHECKING:
    import keras
    import numpy as np

UNITS = ("character", "phone", "word")


@dataclass(frozen=True)
class Transduction(OutputKind):
    """A sequence of labels for a sequence that is at least as long, in the same order, as speech has its words. The
    model gives logits, float32, `(batch, frames, labels + 1)`: of the labels, and behind them of the blank, which says
    that no label begins; a frame at padding says so with certainty.

    Targets: int32, `(batch, symbols)`, indices of labels, and behind them -1 as padding. A target may be empty.

    The metric is the error rate of its unit, such as `word_error_rate`: edits a label of the targets, from what the
    best path reads.

    Attributes:
        labels: their names, in the order of their indices.
        unit: what a label is: `"character"`, `"phone"` or `"word"`.

    Reference: Graves et al. 2006, doi:10.1145/1143844.1143891 (connectionist temporal classification).
    """

    labels: tuple[str, ...]
    unit: str = "word"
    kind: ClassVar[str] = "transduction"
    direction: ClassVar[str] = "min"
    per_step: ClassVar[bool] = True
    targets: ClassVar[str] = "own"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(map(str, self.labels)))
        check(len(self.labels) >= 1, "transduction needs at least 1 label; got none")
        check(self.unit in UNITS, f"unit must be one of {', '.join(UNITS)}; got {self.unit!r}")

    @property
    def metric(self) -> str:  # type: ignore[override]
        return f"{self.unit}_error_rate"

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, frames, features)` → logits that say blank at padding, float32 whatever the model's precision."""
        import keras

        from keraseq import layers

        logits = keras.layers.Dense(len(self.labels) + 1, dtype="float32", name="logits")(x)
        return layers.BlankPadding(dtype="float32", name="blank_padding")(logits)

    def loss(self) -> keras.losses.Loss:
        """-log p(target) a label: see `CTCLoss`."""
        from keraseq.models.outputs.ctc import CTCLoss

        return CTCLoss(self.padding)

    def metrics(self) -> list[keras.metrics.Metric]:
        """The error rate of what the best path reads, over all sequences: see `ErrorRate`."""
        from keraseq.models.outputs.ctc import ErrorRate

        return [ErrorRate(self.padding, name=self.metric)]

    def frames(self, target: np.ndarray) -> int:
        """The fewest frames that can say a target `(symbols,)`: one a label, and a blank between two of a kind."""
        return len(target) + int((target[1:] == target[:-1]).sum())

    def decode(self, predictions: np.ndarray) -> list[dict[str, Any]]:
        """The `text` that the best path of each sequence reads: its labels, with spaces between them where those
        are words or phones.

        Args:
            predictions: logits, `(batch, frames, labels + 1)`.
        """
        import numpy as np

        from keraseq.models.outputs.ctc import best_path

        between = "" if self.unit == "character" else " "
        rows = zip(*map(np.asarray, best_path(predictions)), strict=True)
        return [{"text": between.join(self.labels[k] for k in path[read])} for path, read in rows]
