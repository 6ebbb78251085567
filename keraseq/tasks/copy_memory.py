"""The copying memory problem: repeat ten symbols after a long wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline, bai_2018
from keraseq.tasks.config import SyntheticConfig

if TYPE_CHECKING:
    import numpy as np

    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

MEMORY = 10  # symbols to be remembered
LABELS = ("blank", *map(str, range(1, 9)))


def repeat_beginning(tokens: np.ndarray) -> np.ndarray:
    """The exact answer: label 0 but at the last ten steps, which repeat the first; `(batch, time)` → the same."""
    import numpy as np

    ends = (tokens > 0).sum(axis=1, keepdims=True)  # (batch, 1)
    answer = np.where(tokens > 0, 0, -1)
    np.put_along_axis(answer, ends - MEMORY + np.arange(MEMORY), tokens[:, :MEMORY] - 1, axis=1)
    return answer  # token 1 is a blank, as label 0 is


@tasks.register(
    "copy_memory",
    tags={"tagging", "tokens", "synthetic"},
    reference="Hochreiter & Schmidhuber 1997; arXiv:1511.06464; arXiv:1803.01271",
    cases=(
        {"length": 20, "train_examples": 500, "test_examples": 100},
        {"length": 20, "train_examples": 500, "test_examples": 100, "test_length": 30},
    ),
)
@dataclass(frozen=True)
class CopyMemory(SyntheticConfig):
    """Ten symbols of eight kinds, to be repeated after a long wait.

    A sequence of `length + 20` steps is ten random symbols, `length - 1` blanks and eleven delimiters; at each step a
    label is asked for: blank, but at the last ten steps the ten symbols. Who writes blanks and then guesses has a
    cross-entropy of 10 ln 8 / (length + 20), averaged over all steps.

    Differs from Arjovsky et al. 2016 as Bai et al. 2018 do: the delimiter is repeated while the answer is asked for.
    Differs from both: symbols are embedded, not fed as a number or as one of ten.
    """

    batch_size: Annotated[int, "sequences a batch"] = 32
    length: Annotated[int, "steps between the end of the symbols and the first of them that is asked for"] = 200

    source: ClassVar[str] = "copy_memory:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (
        *bai_2018("cross_entropy", "length=1000, 16 K parameters", lstm=0.0204, gru=0.0197, rnn=0.0202, tcn=3.5e-5),
        Baseline("tcn", "cross_entropy", 4.9e-5, MEASURED, "length=500"),
    )
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(repeat_beginning)

    def steps(self, length: int) -> int:
        return length + 2 * MEMORY

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Tagging

        return self.read_generated(data_dir, Tagging(LABELS), input="sequence", label="copy")

    def fit(self, train: Raw) -> Preprocessor:
        return self.symbols(10)
