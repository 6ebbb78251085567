"""A sequence of symbols for a sequence, of another length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.config import check
from keraseq.models.outputs.base import OutputKind

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Translation(OutputKind):
    """A sequence of symbols for a sequence. The model gives logits, float32, `(batch, target time, vocabulary_size)`.

    Model input: a dictionary of `source`, as for any other output, and `previous`, int32, `(batch, target time)`: the
    symbol before each symbol of the target, which is the start symbol at first, and 0 at padding.
    Targets: int32, `(batch, target time)`, the end symbol last, 0 at padding.

    Attributes:
        vocabulary_size: symbols of the target, with padding, start and end.
        start, end: the symbols that stand before the first symbol of every target and after its last.
        longest: symbols of the longest target, end included, or None where nobody knows.
        label_smoothing: ε, the share of the probability that the loss spreads over all symbols, in [0, 1). 0 is off.
            Metrics know nothing of it.
    """

    vocabulary_size: int
    start: int
    end: int
    longest: int | None = None
    label_smoothing: float = 0.0
    kind: ClassVar[str] = "translation"
    metric: ClassVar[str] = "perplexity"
    direction: ClassVar[str] = "min"
    per_step: ClassVar[bool] = True
    targets: ClassVar[str] = "own"
    padding: ClassVar[int] = 0

    def __post_init__(self) -> None:
        symbols = {self.padding, self.start, self.end}
        check(
            len(symbols) == 3 and all(0 <= symbol < self.vocabulary_size for symbol in symbols),
            f"start and end must be two symbols in 1 … vocabulary_size - 1; got {self.start} and {self.end}, and a "
            f"vocabulary of {self.vocabulary_size}",
        )
        check(self.longest is None or self.longest >= 1, f"longest must be at least 1; got {self.longest}")
        check(0 <= self.label_smoothing < 1, f"label_smoothing must be in [0, 1); got {self.label_smoothing}")

    def previous(self, targets: np.ndarray) -> np.ndarray:
        """The symbol before each symbol of targets `(batch, time)`: the same shape, 0 where the target is padding."""
        import numpy as np

        before = np.roll(targets, 1, axis=1)
        before[:, 0] = self.start
        return np.where(targets == self.padding, self.padding, before)

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, target time, features)` → logits, in float32 whatever the model's precision."""
        import keras

        return keras.layers.Dense(self.vocabulary_size, dtype="float32", name="logits")(x)

    def loss(self) -> keras.losses.Loss:
        """Cross-entropy with label smoothing, averaged over the symbols of the targets."""
        from keraseq.models.outputs.steps import StepCrossEntropy

        return StepCrossEntropy(self.padding, self.label_smoothing)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Perplexity, and the share of right symbols, over all symbols of the targets, given the true ones before."""
        from keraseq.models.outputs.steps import Perplexity, StepAccuracy

        return [Perplexity(self.padding), StepAccuracy(self.padding, name="token_accuracy")]

    def decode(self, symbols: np.ndarray, read: Callable[[np.ndarray], str]) -> list[dict[str, Any]]:
        """The `text` of each sequence.

        Args:
            symbols: int, `(batch, time)`; what stands at the first end symbol or after it is left out, and so are start
                symbols and padding.
            read: from symbols to text: `decode` of the tokeniser of the targets.
        """
        return [{"text": read(self.content(row))} for row in symbols]

    def content(self, symbols: np.ndarray) -> np.ndarray:
        """One sequence, `(time,)`, up to its end symbol, without start symbols and padding."""
        import numpy as np

        ends = np.flatnonzero(symbols == self.end)
        kept = symbols[: ends[0]] if len(ends) else symbols
        return kept[(kept != self.padding) & (kept != self.start)]
