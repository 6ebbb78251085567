"""ListOps: the value of nested lists of digits under an operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import check
from keraseq.registry import tasks
from keraseq.tasks.baseline import Baseline
from keraseq.tasks.config import RaggedConfig

if TYPE_CHECKING:
    import numpy as np

    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


SYMBOLS = (*"0123456789", "[MIN", "[MAX", "[MED", "[SM", "]")


def evaluate(tokens: np.ndarray) -> np.ndarray:
    """The exact answer: the value of each list; `(batch, time)` → `(batch,)`."""
    import numpy as np

    return np.array([_value(row[row > 0] - 1) for row in tokens], np.int32)


def _value(symbols: np.ndarray) -> int:
    """The value of one list, given as indices of `SYMBOLS`."""
    lists: list[list[int]] = [[]]  # of each open list its operator, then its values
    for symbol in symbols.tolist():
        if symbol < 10:
            lists[-1].append(symbol)
        elif symbol < 14:
            lists.append([symbol])
        else:
            operator, *values = lists.pop()
            lists[-1].append(_apply(SYMBOLS[operator], values))
    return lists[0][0]


def _apply(operator: str, values: list[int]) -> int:
    match operator:
        case "[MIN":
            return min(values)
        case "[MAX":
            return max(values)
        case "[MED":
            ordered, n = sorted(values), len(values)
            return (ordered[(n - 1) // 2] + ordered[n // 2]) // 2
        case "[SM":
            return sum(values) % 10
        case _:
            raise ValueError(f"no operator named {operator!r}")


@tasks.register(
    "listops",
    tags={"classification", "tokens", "synthetic"},
    reference="Nangia & Bowman 2018, arXiv:1804.06028; Tay et al. 2020, arXiv:2011.04006",
    cases=(
        {"shortest": 5, "length": 40, "train_examples": 500, "test_examples": 100},
        {"shortest": 5, "length": 40, "train_examples": 500, "test_examples": 100, "test_length": 80},
    ),
)
@dataclass(frozen=True)
class ListOps(RaggedConfig):
    """The value, a digit, of nested lists of digits: `[MAX 2 9 [MIN 4 7 ] 0 ]` is 9.

    A list has an operator and 2 … `arguments` values; each value is a list with probability 1/4, unless lists are
    nested `depth - 1` deep already, else a digit. `MED` is the median, rounded down, `SM` the sum modulo 10. What is
    shorter than `shortest` or longer than `length` is drawn again. Defaults are those of the Long Range Arena.

    Differs from Tay et al. 2020: brackets of their tree that carry no meaning are left out, as their tokeniser does;
    both bounds of the length are included; the 2,000 examples for validation are taken from the 98,000 for training.
    """

    validation: Annotated[float, "share of train taken for validation"] = 1 / 49
    length: Annotated[int, "most steps of a sequence"] = 2000
    train_examples: Annotated[int, "sequences for training, validation included"] = 98_000
    test_examples: Annotated[int, "sequences for test"] = 2_000
    shortest: Annotated[int, "fewest steps of a sequence"] = 500
    arguments: Annotated[int, "most values in a list"] = 10
    depth: Annotated[int, "most levels of the tree, digits included"] = 10

    source: ClassVar[str] = "listops:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (
        Baseline("Transformer", "accuracy", 0.364, "Tay et al. 2020, arXiv:2011.04006"),
        Baseline("S4", "accuracy", 0.596, "Gu et al. 2022, arXiv:2111.00396"),
        Baseline("LRU", "accuracy", 0.602, "Orvieto et al. 2023, arXiv:2303.06349"),
    )
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(evaluate)
    least_length: ClassVar[int] = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("arguments", "depth"):
            value = getattr(self, name)
            check(value >= 2, f"{name} must be at least 2; got {value}. Remedy: leave it out for 10")

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Classification

        return self.read_generated(data_dir, Classification(tuple("0123456789")), input="sequence", label="label")

    def fit(self, train: Raw) -> Preprocessor:
        return self.symbols(len(SYMBOLS))
