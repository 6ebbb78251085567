"""What every task has: settings, and how its raw data are read and encoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import check, fields, settings_of
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


def settings_added_by(cls: type[TaskConfig]) -> tuple[str, ...]:
    """Names of the settings that a class has beside those of every task."""
    return tuple(field.name for field in fields(cls) if field.name not in TaskConfig.__dataclass_fields__)
