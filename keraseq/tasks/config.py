"""Task configurations: the settings of a task, and how its raw data are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import Choice, check, settings_of

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


@dataclass(frozen=True)
class TaskConfig:
    """Settings that every task has. A task subclasses this, adds its own and registers itself.

    Attributes:
        source: the TFDS builder, `name/config:version`, that the data come from.
        reference: for synthetic tasks, the function from inputs `(batch, time, size)` to the exact targets.
        standardise: whether a model sees features with mean 0 and deviation 1 over the training steps.
    """

    batch_size: Annotated[int, "sequences a batch"] = 64
    validation: Annotated[float, "share of train taken for validation where the data set has no validation split"] = 0.1
    split_seed: Annotated[int, "seed of the choice of examples for validation"] = 0

    source: ClassVar[str] = ""
    reference: ClassVar[Callable[[Any], Any] | None] = None
    standardise: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(
            self.batch_size >= 1, f"batch_size must be at least 1; got {self.batch_size}. Remedy: leave it out for 64"
        )
        check(
            0 < self.validation < 1,
            f"validation must be a share above 0 and below 1; got {self.validation}. Remedy: leave it out for 0.1",
        )
        check(self.split_seed >= 0, f"split_seed must not be negative; got {self.split_seed}. Remedy: use 0, 1, 2, …")

    def read(self, data_dir: str | None) -> Data:
        """The raw examples of the three splits, prepared by TFDS first where need be."""
        raise NotImplementedError

    def fit(self, train: Raw) -> Preprocessor:
        """The preprocessor of this task; what it learns, such as a vocabulary, it learns from `train` alone."""
        raise NotImplementedError

    def identity(self, data_dir: str | None) -> dict[str, Any]:
        """All that the encoded data depend on, as plain data: equal identities have equal data."""
        settings = settings_of(self)
        settings.pop("batch_size")
        return {"source": self.source, "settings": settings}


@dataclass(frozen=True)
class TextConfig(TaskConfig):
    """Settings of tasks whose inputs are texts."""

    tokeniser: Annotated[str, Choice("bytes", "characters", "words", "subwords"), "what one step is"] = "words"
    vocabulary_size: Annotated[int, "most symbols, padding and unknown included; bytes always have 258"] = 10_000
    max_length: Annotated[int, "most steps; what is longer is cut"] = 256
    truncate: Annotated[str, Choice("start", "end"), "which end of a text is cut where it is too long"] = "end"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("tokeniser", self.tokeniser, ("bytes", "characters", "words", "subwords"))
        one_of("truncate", self.truncate, ("start", "end"))
        least = 258 if self.tokeniser == "subwords" else 3
        check(
            self.vocabulary_size >= least,
            f"vocabulary_size must be at least {least} with {self.tokeniser}; got {self.vocabulary_size}. "
            "Remedy: leave it out for 10000",
        )
        check(
            self.max_length >= 1, f"max_length must be at least 1; got {self.max_length}. Remedy: leave it out for 256"
        )

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import TextPreprocessor
        from keraseq.tasks.tokenise import TOKENISERS

        tokeniser = TOKENISERS[self.tokeniser].fit(list(train.inputs), self.vocabulary_size)
        return TextPreprocessor(tokeniser, self.max_length, self.truncate)


def one_of(name: str, value: str, values: tuple[str, ...]) -> None:
    """Raises `UsageError` unless setting `name` has one of `values`."""
    check(value in values, f"{name} must be one of {', '.join(map(repr, values))}; got {value!r}")
