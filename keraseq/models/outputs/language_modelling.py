"""The next symbol, at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from keraseq.config import check
from keraseq.models.outputs.base import OutputKind

if TYPE_CHECKING:
    import keras
    import numpy as np

UNITS = ("byte", "character", "subword", "word")


@dataclass(frozen=True)
class LanguageModelling(OutputKind):
    """The next symbol at every step. The model gives logits, float32, shape `(batch, time, vocabulary_size)`.

    Targets: int32, `(batch, time)`, the symbol after each symbol, 0 at steps that do not count.

    The metric is bits a byte or character, and perplexity where a symbol is a word or a part of one.

    Attributes:
        vocabulary_size: symbols, padding and unknown included.
        unit: what a symbol is: `"byte"`, `"character"`, `"subword"` or `"word"`.
        label_smoothing: ε, the share of the probability that the loss spreads over all classes, in [0, 1). 0 is off.
            Metrics know nothing of it.
    """

    vocabulary_size: int
    unit: str = "word"
    label_smoothing: float = 0.0
    kind: ClassVar[str] = "language_modelling"
    direction: ClassVar[str] = "min"
    per_step: ClassVar[bool] = True
    targets: ClassVar[str] = "steps"
    padding: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check(self.vocabulary_size >= 3, f"vocabulary_size must be at least 3; got {self.vocabulary_size}")
        check(self.unit in UNITS, f"unit must be one of {', '.join(UNITS)}; got {self.unit!r}")
        check(0 <= self.label_smoothing < 1, f"label_smoothing must be in [0, 1); got {self.label_smoothing}")

    @property
    def bits(self) -> str:
        """Name of the metric that counts bits."""
        return f"bits_per_{self.unit}"

    @property
    def metric(self) -> str:  # type: ignore[override]
        return "perplexity" if self.unit in ("subword", "word") else self.bits

    @property
    def causal(self) -> bool:
        return True

    def head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """`(batch, time, features)` → logits, in float32 whatever the model's precision."""
        import keras

        return keras.layers.Dense(self.vocabulary_size, dtype="float32", name="logits")(x)

    def loss(self) -> keras.losses.Loss:
        """Cross-entropy with label smoothing, averaged over the steps that count."""
        from keraseq.models.outputs.steps import StepCrossEntropy

        return StepCrossEntropy(self.padding, self.label_smoothing)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Perplexity, bits a symbol, and the share of symbols foretold, over all steps that count."""
        from keraseq.models.outputs.steps import Bits, Perplexity, StepAccuracy

        return [Perplexity(self.padding), Bits(self.padding, name=self.bits), StepAccuracy(self.padding)]

    def decode(
        self, logits: np.ndarray, symbols: np.ndarray, read: Callable[[np.ndarray], str]
    ) -> list[dict[str, Any]]:
        """How likely each text is, and the likeliest `next` symbols with their probabilities.

        Args:
            logits: `(batch, time, vocabulary_size)`.
            symbols: what the model was given, `(batch, time)`, 0 at padding at the end.
            read: from symbols to text.
        """
        import numpy as np

        answers = []
        for row, steps in zip(logits.astype("float64"), symbols, strict=True):
            length = int((steps != 0).sum())
            log_p = row[:length] - np.logaddexp.reduce(row[:length], axis=-1, keepdims=True)
            surprise = -log_p[np.arange(length - 1), steps[1:length]]
            likeliest = np.argsort(-log_p[-1])[:5]
            found = [{"text": read(s[None]), "probability": float(np.exp(log_p[-1, s]))} for s in likeliest]
            told: dict[str, Any] = {"next": found}
            if length > 1:
                told |= {self.bits: float(surprise.mean() / np.log(2)), "perplexity": float(np.exp(surprise.mean()))}
            answers.append(told)
        return answers
