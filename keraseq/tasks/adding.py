"""The adding problem: remember two numbers among many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.baseline import Baseline, bai_2018
from keraseq.tasks.config import SyntheticConfig

if TYPE_CHECKING:
    import numpy as np

    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


def add_marked(inputs: Any) -> np.ndarray:
    """The exact answer: the sum of the marked numbers; `(batch, time, 2)` → `(batch, 1)`.

    Where lengths differ, `inputs` holds these `values`, zero at padding, and their `mask`.
    """
    values = inputs["values"] if isinstance(inputs, dict) else inputs
    return (values[..., 0] * values[..., 1]).sum(axis=1, keepdims=True)


@tasks.register(
    "adding",
    tags={"regression", "features", "synthetic"},
    reference="Hochreiter & Schmidhuber 1997; arXiv:1803.01271",
    cases=(
        {"length": 20, "train_examples": 500, "test_examples": 100},
        {"length": 20, "train_examples": 500, "test_examples": 100, "test_length": 30},
    ),
)
@dataclass(frozen=True)
class Adding(SyntheticConfig):
    """The sum of two marked numbers in a long sequence of numbers.

    Each step is a number, uniform in [0, 1), and a mark, which is 1 at two random steps and 0 elsewhere; the target is
    the sum of the two marked numbers. Always answering 1 has a mean squared error of 1/6.

    Differs from Hochreiter & Schmidhuber 1997 as Bai et al. 2018 do: both marks may lie anywhere, and numbers and sums
    are not rescaled.
    """

    train_examples: Annotated[int, "sequences for training, validation included"] = 50_000

    source: ClassVar[str] = "adding:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = bai_2018(
        "mse", "length=600, 70 K parameters", lstm=0.164, gru=5.3e-5, rnn=0.177, tcn=5.8e-5
    )
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(add_marked)
    least_length: ClassVar[int] = 2

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Regression

        return self.read_generated(data_dir, Regression(), input="sequence", label="sum")

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import FeaturePreprocessor

        return FeaturePreprocessor(size=2, length=self.input_length, layout="steps")
