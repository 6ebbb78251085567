"""Multi-query associative recall: the values of keys that come again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import check
from keraseq.registry import tasks
from keraseq.tasks.config import SyntheticConfig

if TYPE_CHECKING:
    import numpy as np

    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


def recall_values(tokens: np.ndarray) -> np.ndarray:
    """The exact answer: at each key that comes again its value, -1 elsewhere; `(batch, time)` → the same."""
    import numpy as np

    pairs = np.count_nonzero(tokens[0, 1::2] > 1)  # token 1 is a blank, and one follows every key that comes again
    keys, values, later = tokens[:, : 2 * pairs : 2], tokens[:, 1 : 2 * pairs : 2], tokens[:, 2 * pairs :]
    answer = np.full_like(tokens, -1)
    for key, value in zip(keys.T, values.T, strict=True):
        np.copyto(answer[:, 2 * pairs :], value[:, None] - 1, where=later == key[:, None])
    return answer


@tasks.register(
    "mqar",
    tags={"tagging", "tokens", "synthetic"},
    reference="Arora et al. 2023, arXiv:2312.04927",
    cases=(
        {"length": 24, "vocabulary": 40, "train_examples": 500, "test_examples": 100},
        {"length": 24, "vocabulary": 40, "train_examples": 500, "test_examples": 100, "test_length": 48},
    ),
)
@dataclass(frozen=True)
class Mqar(SyntheticConfig):
    """Multi-query associative recall: pairs of a key and a value, then each key once more, when its value is asked for.

    Symbols below `vocabulary / 2` are keys, but 0, which is blank; the others are values. The first `2 * pairs` steps
    are keys and values in turn, no key and no value twice. In the rest, which is blank, each key comes once, at an even
    step; the i-th of these is taken with a probability in proportion to i^(power - 1), without replacement. Labels are
    symbols, and count at these steps alone: who knows only that values are asked for is right twice in `vocabulary`.

    Differs from Arora et al. 2023: blanks stay blank, as in their published settings, though not by default in their
    code; random numbers are our own, and no sequence occurs twice.
    """

    length: Annotated[int, "steps of every sequence, an even number"] = 64
    train_examples: Annotated[int, "sequences for training, validation included"] = 100_000
    test_examples: Annotated[int, "sequences for test"] = 3_000
    vocabulary: Annotated[int, "symbols: the blank, keys and values"] = 8192
    pairs: Annotated[int, "pairs of a key and a value"] = 4
    power: Annotated[float, "1 spreads the queries evenly, 0 puts most of them soon after the pairs"] = 0.01

    source: ClassVar[str] = "mqar:1.0.0"
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(recall_values)
    least_length: ClassVar[int] = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.pairs >= 1, f"pairs must be at least 1; got {self.pairs}. Remedy: leave it out for 4")
        for name, length in (("length", self.length), ("test_length", self.test_length or self.length)):
            check(
                length % 2 == 0 and length >= 4 * self.pairs,
                f"{name} must be even and at least 4 * pairs = {4 * self.pairs}; got {length}. Remedy: fewer pairs, or "
                f"{max(4 * self.pairs, length + length % 2)} steps",
            )
        least = 2 * self.pairs + 2
        check(
            self.vocabulary % 2 == 0 and self.vocabulary >= least,
            f"vocabulary must be even and at least 2 * pairs + 2 = {least}; got {self.vocabulary}. "
            "Remedy: leave it out for 8192",
        )
        check(0 <= self.power <= 1, f"power must be in [0, 1]; got {self.power}. Remedy: leave it out for 0.01")

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Tagging

        labels = Tagging(tuple(map(str, range(self.vocabulary))))
        return self.read_generated(data_dir, labels, input="sequence", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        return self.symbols(self.vocabulary)
