"""Induction heads: what came after the special symbol when it came before?"""

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


def recall_next(tokens: np.ndarray) -> np.ndarray:
    """The exact answer: at the second special symbol what followed the first, -1 elsewhere; `(batch, time)` → same."""
    import numpy as np

    special = tokens == 1
    first = special.argmax(axis=1)[:, None]
    followed = np.take_along_axis(tokens, first + 1, axis=1)  # (batch, 1)
    again = special & (np.arange(tokens.shape[1]) > first)
    return np.where(again, followed - 2, -1)  # token 2 is symbol 1, which is label 0


@tasks.register(
    "induction",
    tags={"tagging", "tokens", "synthetic"},
    reference="Olsson et al. 2022, arXiv:2209.11895; Gu & Dao 2023, arXiv:2312.00752",
    cases=(
        {"length": 20, "train_examples": 500, "test_examples": 100},
        {"length": 20, "train_examples": 500, "test_examples": 100, "test_length": 40},
    ),
)
@dataclass(frozen=True)
class Induction(SyntheticConfig):
    """A special symbol comes once, and again at the end: which symbol followed it?

    All other steps are random symbols of `kinds` kinds. The answer is asked for at the last step alone, and guessing is
    right once in `kinds`. Models that look back by content do as well on a greater `test_length`.

    Differs from Gu & Dao 2023: the special symbol comes on top of the 16 kinds; sequences are not drawn afresh for
    every batch, but `train_examples` of them once.
    """

    length: Annotated[int, "steps of every sequence"] = 256
    kinds: Annotated[int, "kinds of symbols, the special one not counted"] = 16

    source: ClassVar[str] = "induction:1.0.0"
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(recall_next)
    least_length: ClassVar[int] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check(2 <= self.kinds <= 254, f"kinds must be in 2 … 254; got {self.kinds}. Remedy: leave it out for 16")

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Tagging

        labels = Tagging(tuple(map(str, range(1, self.kinds + 1))))
        return self.read_generated(data_dir, labels, input="sequence", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        return self.symbols(self.kinds + 1)
