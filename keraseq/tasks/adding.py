"""The adding problem: remember two numbers among many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import check
from keraseq.registry import tasks
from keraseq.tasks.config import TaskConfig

if TYPE_CHECKING:
    import numpy as np

    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


def add_marked(values: np.ndarray) -> np.ndarray:
    """The exact answer: the sum of the marked numbers; `(batch, time, 2)` → `(batch, 1)`."""
    return (values[..., 0] * values[..., 1]).sum(axis=1, keepdims=True)


@tasks.register(
    "adding",
    tags={"regression", "features", "synthetic"},
    reference="Hochreiter & Schmidhuber 1997; arXiv:1803.01271",
)
@dataclass(frozen=True)
class Adding(TaskConfig):
    """The sum of two marked numbers in a long sequence of numbers.

    Each step is a number, uniform in [0, 1), and a mark, which is 1 at two random steps and 0 elsewhere; the target is
    the sum of the two marked numbers. Always answering 1 has a mean squared error of 1/6.

    Differs from Hochreiter & Schmidhuber 1997 as Bai et al. 2018 do: both marks may lie anywhere, and numbers and sums
    are not rescaled.
    """

    length: Annotated[int, "steps of every sequence"] = 200
    train_examples: Annotated[int, "sequences for training, validation included"] = 50_000
    test_examples: Annotated[int, "sequences for test"] = 1_000
    data_seed: Annotated[int, "seed of the sequences"] = 0

    source: ClassVar[str] = "adding:1.0.0"
    reference: ClassVar[Callable[[Any], Any] | None] = staticmethod(add_marked)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("length", 2), ("train_examples", 2), ("test_examples", 1), ("data_seed", 0)):
            value = getattr(self, name)
            check(value >= least, f"{name} must be at least {least}; got {value}. Remedy: leave it out for the default")

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Regression
        from keraseq.tasks import source
        from keraseq.tasks.builders.adding import AddingConfig

        made = AddingConfig.of(self.length, self.train_examples, self.test_examples, self.data_seed)
        return source.read(
            source.open_builder("adding", data_dir, config=made),
            name="adding",
            data_dir=data_dir,
            output=Regression(),
            input_of=lambda example: example["sequence"],
            label_of=lambda example: example["sum"],
            validation=self.validation,
            seed=self.split_seed,
        )

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import FeaturePreprocessor

        return FeaturePreprocessor(size=2, length=self.length, layout="steps")
