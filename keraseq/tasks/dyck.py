"""Dyck: are the brackets well nested?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import check
from keraseq.registry import tasks
from keraseq.tasks.config import RaggedConfig

if TYPE_CHECKING:
    import numpy as np

    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


def close_brackets(tokens: np.ndarray) -> np.ndarray:
    """The exact answer: 1 where brackets are closed by their kind, last opened first; `(batch, time)` → `(batch,)`."""
    import numpy as np

    return np.array([_nested(row[row > 0]) for row in tokens], np.int32)


def _nested(brackets: np.ndarray) -> bool:
    """Whether brackets, odd tokens that open and the even ones after them that close, are well nested."""
    opened: list[int] = []
    for bracket in brackets.tolist():
        if bracket % 2:
            opened.append(bracket)
        elif not opened or opened.pop() != bracket - 1:
            return False
    return not opened


@tasks.register(
    "dyck",
    tags={"classification", "tokens", "synthetic"},
    reference="Hewitt et al. 2020, arXiv:2010.07515",
    cases=(
        {"length": 24, "train_examples": 500, "test_examples": 100},
        {"length": 24, "train_examples": 500, "test_examples": 100, "test_length": 48},
    ),
)
@dataclass(frozen=True)
class Dyck(RaggedConfig):
    """Whether a string of brackets of several kinds is well nested.

    Well nested strings are drawn evenly from those of their length that are at most `depth` deep, with random kinds.
    Half of the strings are then spoilt: two closing brackets of different kinds, each after a closing one, change
    places; strings without two such are left out. So both classes are alike in lengths, depths and numbers of brackets
    of every kind, and no two neighbours give a spoilt string away.

    Differs from Hewitt et al. 2020, who ask a language model for the next bracket: here the whole string is classified.
    """

    length: Annotated[int, "most steps of a sequence, an even number"] = 100
    shortest: Annotated[int, "fewest steps of a sequence"] = 8
    kinds: Annotated[int, "kinds of brackets"] = 4
    depth: Annotated[int, "most brackets open at once"] = 8

    source: ClassVar[str] = "dyck:1.0.0"
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(close_brackets)
    least_length: ClassVar[int] = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("length", "test_length"):
            value = getattr(self, name)
            check(value % 2 == 0, f"{name} must be even; got {value}. Remedy: {value + 1}")
        check(2 <= self.kinds <= 127, f"kinds must be in 2 … 127; got {self.kinds}. Remedy: leave it out for 4")
        check(self.depth >= 2, f"depth must be at least 2; got {self.depth}. Remedy: leave it out for 8")

    def lengths(self, split: str) -> range:
        every = super().lengths(split)
        return range(every.start + every.start % 2, every.stop, 2)

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Classification

        return self.read_generated(data_dir, Classification(("spoilt", "well nested")), input="sequence", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        return self.symbols(2 * self.kinds)
