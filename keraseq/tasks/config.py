"""Task configurations: the settings of a task, and how its raw data are read."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import Choice, check, fields, settings_of
from keraseq.errors import UsageError
from keraseq.registry import tasks
from keraseq.tasks.baseline import Baseline

if TYPE_CHECKING:
    from keraseq.models.outputs import Output
    from keraseq.tasks.examples import Examples
    from keraseq.tasks.pipeline import Batching
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw
    from keraseq.tasks.stream import Stream


BATCHING = ("batch_size", "token_budget", "static_shapes")
"""Settings on which encoded data do not depend."""


@dataclass(frozen=True)
class TaskConfig:
    """Settings that every task has. A task subclasses this, adds its own and registers itself.

    Attributes:
        source: the TFDS builder, `name/config:version`, that the data come from.
        reference: for synthetic tasks, the function from a batch of model inputs to the exact targets.
        scores: what the answers to a whole split are scored by, beside the metrics: names of functions of
            `keraseq.tasks.score`; for translations, of texts, and for labels of steps, of lists of labels.
        baselines: published and measured scores on test.
        encoding: raised by the author of a task whose code encodes otherwise than before, so that no old cache is read.
        downloads: whether the data come from elsewhere, and are not made on this machine.
        standardise: whether a model sees features with mean 0 and deviation 1 over the training steps.
    """

    batch_size: Annotated[int, "most sequences a batch"] = 64
    token_budget: Annotated[int, "most steps a batch, padding counted, beside batch_size; 0 sets no limit"] = 0
    static_shapes: Annotated[bool, "whether batches have one of few shapes, as compiling for TPU or by XLA wants"] = (
        False
    )
    validation: Annotated[float, "share of train taken for validation where the data set has no validation split"] = 0.1
    split_seed: Annotated[int, "seed of the choice of examples for validation"] = 0

    source: ClassVar[str] = ""
    reference: ClassVar[Callable[[Any], Any] | None] = None
    scores: ClassVar[tuple[str, ...]] = ()
    baselines: ClassVar[tuple[Baseline, ...]] = ()
    encoding: ClassVar[int] = 1
    downloads: ClassVar[bool] = True
    standardise: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(
            self.batch_size >= 1, f"batch_size must be at least 1; got {self.batch_size}. Remedy: leave it out for 64"
        )
        check(
            self.token_budget >= 0,
            f"token_budget must be 0 (no limit) or the most steps a batch; got {self.token_budget}",
        )
        check(
            0 < self.validation < 1,
            f"validation must be a share above 0 and below 1; got {self.validation}. Remedy: leave it out for 0.1",
        )
        check(self.split_seed >= 0, f"split_seed must not be negative; got {self.split_seed}. Remedy: use 0, 1, 2, …")

    @property
    def builder(self) -> str:
        """The TFDS builder and its configuration, where settings choose that; of data made from others, theirs."""
        return self.source

    def configured(self, name: str) -> str:
        """The TFDS builder `source` in the configuration `name`."""
        data, _, version = self.source.partition(":")
        return f"{data}/{name}:{version}"

    @property
    def batching(self) -> Batching:
        """How examples are put into batches."""
        from keraseq.tasks.pipeline import Batching

        return Batching(self.batch_size, self.token_budget, self.static_shapes)

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that are not at their defaults."""
        return {f.name: value for f in fields(type(self)) if (value := getattr(self, f.name)) != f.default}

    @property
    def called(self) -> str:
        """The name on a command line, with settings where these choose the builder: `wmt --set task.year=16`."""
        name = tasks.name_of(type(self)) or self.source.partition(":")[0].partition("/")[0]
        if type(self).builder is TaskConfig.builder:
            return name
        return name + "".join(f" --set task.{key}={value}" for key, value in self.changed.items())

    def read(self, data_dir: str | None) -> Data:
        """The raw examples of the three splits, prepared by TFDS first where need be."""
        raise NotImplementedError

    def read_builder(
        self,
        data_dir: str | None,
        output: Output | None,
        *,
        input_of: Callable[[Any], Any],
        label_of: Callable[[Any], Any],
        builder: Any = None,
        rate: int | None = None,
    ) -> Data:
        """Reads the builder of this task. Arguments as of `source.read`."""
        from keraseq.tasks import source

        return source.read(
            builder or source.open_builder(self.builder, data_dir),
            name=self.called,
            data_dir=data_dir,
            output=output,
            input_of=input_of,
            label_of=label_of,
            validation=self.validation,
            seed=self.split_seed,
            rate=rate,
        )

    def fit(self, train: Raw) -> Preprocessor:
        """The preprocessor of this task; what it learns, such as a vocabulary, it learns from `train` alone."""
        raise NotImplementedError

    def encode(self, split: str, raw: Raw, preprocessor: Preprocessor) -> Examples | Stream:
        """The examples of a split as models take them, to be saved.

        Raises:
            UsageError: an example that cannot be used, by its index.
        """
        from keraseq.tasks.examples import Examples

        return Examples.join(preprocessor.steps(raw.inputs), preprocessor.targets(raw.targets))

    def load(self, folder: Path, split: str) -> Examples:
        """The examples of a split that `encode` gave, from the folder in which they were saved.

        Raises:
            UsageError: they do not fit the settings.
        """
        from keraseq.tasks.examples import Examples

        return Examples.load(folder, split)

    def refine(self, output: Output) -> Output:
        """What is asked for, with the settings that change how a model is trained, but not the encoded data."""
        return output

    def identity(self, data_dir: str | None) -> dict[str, Any]:
        """All that the encoded data depend on, as plain data: equal identities have equal data."""
        settings = settings_of(self)
        return {
            "source": self.source,
            "settings": {name: value for name, value in settings.items() if name not in BATCHING},
            "standardise": self.standardise,
            "encoding": self.encoding,
        }


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
class LanguageConfig(TaskConfig):
    """Settings of tasks that ask for the next symbol of running text.

    All texts become one stream of symbols, so that nothing is padded. It is read, encoded and written piece by piece,
    and stays on disk.

    Attributes:
        between: what is put behind every text of the data set.
        fitted_on: how many texts the vocabulary is learned from, or None for all of train.
    """

    batch_size: Annotated[int, "windows a batch"] = 32
    tokeniser: Annotated[str, Choice("bytes", "characters", "whitespace", "subwords"), "what one step is"] = (
        "characters"
    )
    vocabulary_size: Annotated[int, "most symbols, padding and unknown included; bytes always have 258"] = 10_000
    length: Annotated[int, "steps of a window"] = 128
    context: Annotated[
        int, "steps at the start of a window of validation or test that only tell what came before, and do not count"
    ] = 64

    carry: Annotated[bool, "whether a row goes on where it ended a batch before, with the state of the model there"] = (
        False
    )

    between: ClassVar[str] = ""
    fitted_on: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("tokeniser", self.tokeniser, ("bytes", "characters", "whitespace", "subwords"))
        least = 258 if self.tokeniser == "subwords" else 3
        check(
            self.vocabulary_size >= least,
            f"vocabulary_size must be at least {least} with {self.tokeniser}; got {self.vocabulary_size}. "
            "Remedy: leave it out for the default",
        )
        check(self.length >= 1, f"length must be at least 1; got {self.length}. Remedy: leave it out for the default")
        check(
            self.carry or 0 <= self.context < self.length,
            f"context must be at least 0 and below length ({self.length}); got {self.context}. Remedy: half the length",
        )
        check(
            not self.carry or not (self.token_budget or self.static_shapes),
            "carry=True has batches of one size already; got token_budget or static_shapes. Remedy: leave them out",
        )

    @property
    def batching(self) -> Batching:
        return replace(super().batching, contiguous=self.carry)

    def identity(self, data_dir: str | None) -> dict[str, Any]:
        identity = super().identity(data_dir)
        for name in ("context", "carry"):
            identity["settings"].pop(name)
        return identity

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks.texts import read_texts

        return read_texts(self, data_dir)

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import StreamPreprocessor
        from keraseq.tasks.tokenise import TOKENISERS

        texts = (text + self.between for text in itertools.islice(train.inputs, self.fitted_on))
        return StreamPreprocessor(TOKENISERS[self.tokeniser].fit(texts, self.vocabulary_size), self.length)

    def encode(self, split: str, raw: Raw, preprocessor: Preprocessor) -> Stream:
        import numpy as np

        from keraseq.tasks.preprocess import StreamPreprocessor
        from keraseq.tasks.stream import Stream
        from keraseq.tasks.tokenise import chunks

        assert isinstance(preprocessor, StreamPreprocessor)
        texts = (text + self.between for text in raw.inputs)
        pieces = (np.concatenate(preprocessor.steps(chunk)) for chunk in chunks(texts))
        return Stream(pieces, preprocessor.tokeniser.size)

    def load(self, folder: Path, split: str) -> Examples:
        from keraseq.tasks import stream

        symbols = stream.load(folder, split)
        if self.carry:
            return stream.rows(symbols, self.length, self.batch_size)
        return stream.windows(symbols, self.length, context=0 if split == "train" else self.context)


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
        check(
            self.hop <= self.frame_length,
            f"hop must be at most frame_length ({self.frame_length}), or samples are lost; got {self.hop}",
        )

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

    scores: ClassVar[tuple[str, ...]] = ("exact_match",)

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


def settings_added_by(cls: type[TaskConfig]) -> tuple[str, ...]:
    """Names of the settings that a class has beside those of every task."""
    return tuple(field.name for field in fields(cls) if field.name not in TaskConfig.__dataclass_fields__)


def check_idle(config: TaskConfig, names: Iterable[str], why: str) -> None:
    """Raises `UsageError` where one of these settings, which change nothing, is not at its default."""
    for name in sorted(config.changed.keys() & set(names)):
        raise UsageError(f"{name}={getattr(config, name)!r} changes nothing: {why}. Remedy: leave it out")


def at_least(config: TaskConfig, **least: int) -> None:
    """Raises `UsageError` unless each setting named is at least what is given."""
    for name, low in least.items():
        value = getattr(config, name)
        check(value >= low, f"{name} must be at least {low}; got {value}. Remedy: leave it out for the default")


def one_of(name: str, value: str, values: tuple[str, ...]) -> None:
    """Raises `UsageError` unless setting `name` has one of `values`."""
    check(value in values, f"{name} must be one of {', '.join(map(repr, values))}; got {value!r}")
