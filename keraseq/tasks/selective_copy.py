"""Selective copying: repeat the symbols that stand among blanks."""

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


def repeat_symbols(tokens: np.ndarray) -> np.ndarray:
    """The exact answer: the symbols in their order at the delimiters, -1 elsewhere; `(batch, time)` → the same."""
    import numpy as np

    answer = np.full_like(tokens, -1)
    answer[tokens == 2] = tokens[tokens > 2] - 3  # token 1 is a blank, 2 a delimiter, 3 symbol 1, which is label 0
    return answer


@tasks.register(
    "selective_copy",
    tags={"tagging", "tokens", "synthetic"},
    reference="Jing et al. 2019, arXiv:1706.02761; Gu & Dao 2023, arXiv:2312.00752",
    cases=(
        {"length": 20, "memory": 5, "train_examples": 500, "test_examples": 100},
        {"length": 20, "memory": 5, "train_examples": 500, "test_examples": 100, "test_length": 40},
    ),
)
@dataclass(frozen=True)
class SelectiveCopy(SyntheticConfig):
    """Symbols at random places among blanks, to be repeated in their order at the end.

    A sequence of `length + memory` steps is `length` steps of which `memory` random ones are symbols and the rest
    blanks, and `memory` delimiters; at each delimiter the next symbol is asked for, at other steps nothing. As places
    vary, no fixed delay solves the task: what is kept must depend on what is seen. Guessing is right once in `kinds`.

    Differs from Gu & Dao 2023: their sequences have 4096 steps and are drawn afresh for every batch; here are
    `train_examples`. Their vocabulary of 16 holds the blank; here it is 14 symbols, blank and delimiter.
    """

    length: Annotated[int, "steps before the delimiters"] = 256
    memory: Annotated[int, "symbols to be repeated"] = 16
    kinds: Annotated[int, "kinds of symbols, blank and delimiter not counted"] = 14

    source: ClassVar[str] = "selective_copy:1.0.0"
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(repeat_symbols)

    def __post_init__(self) -> None:
        super().__post_init__()
        shortest = min(self.length, self.test_length or self.length)
        check(
            1 <= self.memory <= shortest,
            f"memory must be in 1 … {shortest} (length, and test_length where given); got {self.memory}. "
            "Remedy: a greater length",
        )
        check(2 <= self.kinds <= 253, f"kinds must be in 2 … 253; got {self.kinds}. Remedy: leave it out for 14")

    def steps(self, length: int) -> int:
        return length + self.memory

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Tagging

        labels = Tagging(tuple(map(str, range(1, self.kinds + 1))))
        return self.read_generated(data_dir, labels, input="sequence", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        return self.symbols(self.kinds + 2)
