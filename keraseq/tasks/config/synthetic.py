"""Settings of tasks whose sequences are generated."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import check, settings_of
from keraseq.tasks.config.base import BATCHING, TaskConfig
from keraseq.tasks.config.checks import at_least

if TYPE_CHECKING:
    from keraseq.models.outputs import Output
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data


@dataclass(frozen=True)
class SyntheticConfig(TaskConfig):
    """Settings of tasks whose sequences are generated from a seed; none of them occurs twice."""

    length: Annotated[int, "steps of every sequence"] = 200
    train_examples: Annotated[int, "sequences for training, validation included"] = 10_000
    test_examples: Annotated[int, "sequences for test"] = 1_000
    data_seed: Annotated[int, "seed of the sequences"] = 0
    test_length: Annotated[int, "what length is for test; 0 takes length"] = 0

    downloads: ClassVar[bool] = False
    least_length: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, length=self.least_length, train_examples=2, test_examples=1, data_seed=0)
        check(
            self.test_length == 0 or self.test_length >= self.least_length,
            f"test_length must be 0 or at least {self.least_length}; got {self.test_length}. "
            "Remedy: leave it out to test on the length of training",
        )

    def lengths(self, split: str) -> range:
        """The lengths that sequences of `split` have; validation has those of train."""
        length = self.test_length or self.length if split == "test" else self.length
        return range(length, length + 1)

    def steps(self, length: int) -> int:
        """Steps of a sequence of that length."""
        return length

    @property
    def input_length(self) -> int | None:
        """Steps of every sequence, or None where they differ."""
        steps = {self.steps(length) for split in ("train", "test") for length in self.lengths(split)}
        return steps.pop() if len(steps) == 1 else None

    def generation(self) -> dict[str, Any]:
        """The settings that decide which sequences are generated."""
        settings = settings_of(self)
        return {name: value for name, value in settings.items() if name not in _AFTER_GENERATION}

    def symbols(self, size: int) -> Preprocessor:
        """The preprocessor of sequences of whole numbers 0 … size - 1."""
        from keraseq.tasks.preprocess import SymbolPreprocessor

        alike = self.input_length
        longest = max(self.steps(self.lengths(split)[-1]) for split in ("train", "test"))
        return SymbolPreprocessor(size, alike, None if alike else longest)

    def read_generated(self, data_dir: str | None, output: Output, *, input: str, label: str) -> Data:
        """Reads what our builder of this task generates: its feature `input` goes in, `label` is asked for."""
        from keraseq.tasks import source
        from keraseq.tasks.builders.generated import GeneratedConfig

        name = self.source.partition(":")[0]
        builder = source.open_builder(name, data_dir, config=GeneratedConfig.of(self))
        input_of, label_of = operator.itemgetter(input), operator.itemgetter(label)
        return self.read_builder(data_dir, output, input_of=input_of, label_of=label_of, builder=builder)


_AFTER_GENERATION = (*BATCHING, "validation", "split_seed")


@dataclass(frozen=True)
class RaggedConfig(SyntheticConfig):
    """Settings of synthetic tasks whose sequences differ in length.

    With `test_length`, every sequence for test is longer than all of training.
    """

    length: Annotated[int, "most steps of a sequence"] = 40
    test_length: Annotated[int, "most steps of a sequence for test, all then longer than length; 0: as in training"] = 0
    shortest: Annotated[int, "fewest steps of a sequence"] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self.least_length <= self.shortest <= self.length,
            f"shortest must be in {self.least_length} … {self.length} (length); got {self.shortest}. "
            f"Remedy: {self.least_length} is the least",
        )
        check(
            self.test_length == 0 or self.test_length > self.length,
            f"test_length must be 0 or above length ({self.length}); got {self.test_length}. "
            "Remedy: leave it out to test on the lengths of training",
        )

    def lengths(self, split: str) -> range:
        if split == "test" and self.test_length:
            return range(self.length + 1, self.test_length + 1)
        return range(self.shortest, self.length + 1)
