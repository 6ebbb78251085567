"""Task configurations: the settings of a task, and how its raw data are read."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import Choice, check, settings_of

if TYPE_CHECKING:
    from keraseq.models.outputs import Output
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw


@dataclass(frozen=True)
class TaskConfig:
    """Settings that every task has. A task subclasses this, adds its own and registers itself.

    Attributes:
        source: the TFDS builder, `name/config:version`, that the data come from.
        reference: for synthetic tasks, the function from a batch of model inputs to the exact targets.
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

    def refine(self, output: Output) -> Output:
        """What is asked for, with the settings that change how a model is trained, but not the encoded data."""
        return output

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


@dataclass(frozen=True)
class AudioConfig(TaskConfig):
    """Settings of tasks whose inputs are recordings, of which a model sees log-mel frames."""

    max_seconds: Annotated[float, "most seconds of a recording; what comes later is cut"] = 30.0
    mels: Annotated[int, "bands of a frame, evenly spaced on the mel scale"] = 40
    frame_length: Annotated[float, "seconds of a frame"] = 0.025
    hop: Annotated[float, "seconds from one frame to the next"] = 0.01

    standardise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, usual in {"max_seconds": "30", "mels": "40", "frame_length": "0.025", "hop": "0.01"}.items():
            value = getattr(self, name)
            check(value > 0, f"{name} must be above 0; got {value}. Remedy: {usual} is usual")

    def fit(self, train: Raw) -> Preprocessor:
        import numpy as np

        from keraseq.tasks.preprocess import AudioPreprocessor

        assert train.rate is not None
        length = train.inputs.shape[1] if isinstance(train.inputs, np.ndarray) else None
        return AudioPreprocessor(train.rate, self.max_seconds, length, self.mels, self.frame_length, self.hop)


@dataclass(frozen=True)
class TranslationConfig(TaskConfig):
    """Settings of tasks that ask for a text for a text."""

    label_smoothing: Annotated[float, "share of the probability that training spreads over all symbols, in [0, 1)"] = (
        0.0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            0 <= self.label_smoothing < 1,
            f"label_smoothing must be in [0, 1); got {self.label_smoothing}. Remedy: 0 is off, 0.1 is usual",
        )

    def refine(self, output: Output) -> Output:
        from keraseq.models.outputs import Translation

        assert isinstance(output, Translation)
        return replace(output, label_smoothing=self.label_smoothing)

    def identity(self, data_dir: str | None) -> dict[str, Any]:
        identity = super().identity(data_dir)
        identity["settings"].pop("label_smoothing")
        return identity


@dataclass(frozen=True)
class SyntheticConfig(TaskConfig):
    """Settings of tasks whose sequences are generated from a seed."""

    length: Annotated[int, "steps of every sequence"] = 200
    train_examples: Annotated[int, "sequences for training, validation included"] = 10_000
    test_examples: Annotated[int, "sequences for test"] = 1_000
    data_seed: Annotated[int, "seed of the sequences"] = 0

    shortest: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        least = {"length": self.shortest, "train_examples": 2, "test_examples": 1, "data_seed": 0}
        for name, low in least.items():
            value = getattr(self, name)
            check(value >= low, f"{name} must be at least {low}; got {value}. Remedy: leave it out for the default")

    def read_generated(self, data_dir: str | None, output: Output, *, input: str, label: str) -> Data:
        """Reads what our builder of this task generates: its feature `input` goes in, `label` is asked for."""
        from keraseq.tasks import source
        from keraseq.tasks.builders.generated import GeneratedConfig

        name = self.source.partition(":")[0]
        made = GeneratedConfig.of(self.length, self.train_examples, self.test_examples, self.data_seed)
        return source.read(
            source.open_builder(name, data_dir, config=made),
            name=name,
            data_dir=data_dir,
            output=output,
            input_of=operator.itemgetter(input),
            label_of=operator.itemgetter(label),
            validation=self.validation,
            seed=self.split_seed,
        )


def one_of(name: str, value: str, values: tuple[str, ...]) -> None:
    """Raises `UsageError` unless setting `name` has one of `values`."""
    check(value in values, f"{name} must be one of {', '.join(map(repr, values))}; got {value!r}")
