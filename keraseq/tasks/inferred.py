"""Any TFDS data set as a task: what goes in and what is asked for is inferred from its features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import Choice, check
from keraseq.errors import UsageError, unknown
from keraseq.tasks.config import AudioConfig, TextConfig, check_idle, one_of, settings_added_by

if TYPE_CHECKING:
    from keraseq.models.outputs import Output
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

INPUTS = ("text", "audio", "image", "records", "numbers")  # what a feature can be that goes in
LABELS = ("classes", "labels", "value")  # and one that is asked for
SETTINGS = {"text": settings_added_by(TextConfig), "audio": settings_added_by(AudioConfig), "image": ("order",)}


@dataclass(frozen=True)
class Inferred(TextConfig, AudioConfig):
    """A task from any TFDS data set that has one text or sequence and one label or set of labels.

    Inputs: a text; a recording whose sampling rate the data set tells, its channels mixed into one; a tensor or
    sequence of numbers, `(time,)` or `(time, size)`; a sequence of records, whose floating-point fields side by side
    make a step; an image, as its pixels in reading order or as its rows.
    Labels: a class label, a sequence of class labels, which are then any number of labels for the whole, or one real
    number.

    Where several features would do, those that TFDS names for supervised learning are taken; where it names none,
    `input` and `label` choose. Settings of another kind of input are refused. Splits that the data set lacks are taken
    from train.
    """

    dataset: Annotated[str, "TFDS name: data or data/config"] = field(kw_only=True)
    input: Annotated[str, "feature that goes in; empty to infer it"] = ""
    label: Annotated[str, "feature that is asked for; empty to infer it"] = ""
    order: Annotated[str, Choice("pixel", "row"), "what the steps of an image are"] = "pixel"
    test: Annotated[float, "share of train taken for test where the data set has no test split"] = 0.2
    test_split: Annotated[str, "split of the data set to test on"] = "test"

    standardise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("order", self.order, ("pixel", "row"))
        check(0 < self.test < 1, f"test must be a share above 0 and below 1; got {self.test}. Remedy: leave it out")
        check(
            self.test_split not in ("", "train"),
            f"test_split must name a split other than train; got {self.test_split!r}. Remedy: 'test' or 'validation'",
        )

    def identity(self, data_dir: str | None) -> dict[str, Any]:
        from keraseq.tasks import source

        where = source.folder_of(data_dir)
        return super().identity(data_dir) | {"release": source.release(self.dataset), "data_dir": where}

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks import source

        builder = source.open_builder(self.dataset, data_dir)
        features = builder.info.features
        kinds = {} if features is None else {name: _kind(feature) for name, feature in features.items()}
        chosen, label = _choose(self, features, kinds, builder.info.supervised_keys)
        for kind, settings in SETTINGS.items():
            if kind != kinds[chosen]:
                check_idle(self, settings, f"{self.dataset} takes {chosen}, which is {kinds[chosen]} and not {kind}")
        return source.read(
            builder,
            name=self.dataset,
            data_dir=data_dir,
            output=_output(features[label]),
            input_of=_reader(chosen, features[chosen], kinds[chosen]),
            label_of=lambda example: example[label],
            validation=self.validation,
            seed=self.split_seed,
            test=source.Share(self.test, self.split_seed),
            test_split=self.test_split,
            rate=source.rate_of(features[chosen]) if kinds[chosen] == "audio" else None,
        )

    def fit(self, train: Raw) -> Preprocessor:
        import numpy as np

        from keraseq.tasks.preprocess import FeaturePreprocessor

        first = train.inputs[0]
        if isinstance(first, str):
            return TextConfig.fit(self, train)
        if train.rate is not None:
            return AudioConfig.fit(self, train)
        same = isinstance(train.inputs, np.ndarray)
        if first.ndim == 3:  # images
            height, width, channels = first.shape
            if self.order == "row":
                return FeaturePreprocessor(width * channels, height if same else None, "rows")
            return FeaturePreprocessor(channels, height * width if same else None, "pixels")
        return FeaturePreprocessor(1 if first.ndim == 1 else first.shape[1], len(first) if same else None, "steps")


def _kind(feature: Any) -> str:
    """What a TFDS feature can serve as, one of `INPUTS` or `LABELS`; empty for nothing."""
    import numpy as np
    import tensorflow_datasets as tfds

    from keraseq.tasks import source

    kinds = tfds.features
    if isinstance(feature, kinds.ClassLabel):
        return "classes"
    if isinstance(feature, kinds.Image):
        return "image"
    if isinstance(feature, kinds.Audio) and source.rate_of(feature) is not None:
        return "audio"
    if isinstance(feature, kinds.Sequence) and isinstance(feature.feature, kinds.FeaturesDict):
        return "records" if _columns(feature) else ""
    if isinstance(feature, kinds.FeaturesDict) or not isinstance(getattr(feature, "shape", None), tuple):
        return ""
    if isinstance(feature, kinds.Sequence) and isinstance(feature.feature, kinds.ClassLabel):
        return "labels"
    if feature.shape == () and feature.np_dtype in (np.str_, np.object_, object, str):
        return "text"
    number = np.issubdtype(feature.np_dtype, np.number)
    if number and feature.shape == () and np.issubdtype(feature.np_dtype, np.floating):
        return "value"
    size_known = len(feature.shape) == 1 or (len(feature.shape) == 2 and feature.shape[1] is not None)
    return "numbers" if number and size_known else ""


def _columns(feature: Any) -> list[str]:
    """The fields of a sequence of records that are floating-point numbers, in order."""
    import numpy as np

    return sorted(
        name for name, part in feature.feature.items() if part.shape == () and np.issubdtype(part.np_dtype, np.floating)
    )


def _choose(config: Inferred, features: Any, kinds: dict[str, str], supervised: Any) -> tuple[str, str]:
    """The names of the features that go in and that are asked for."""
    pair = supervised if isinstance(supervised, tuple) and len(supervised) == 2 else (None, None)
    chosen = []
    for setting, wanted, usual in (("label", LABELS, pair[1]), ("input", INPUTS, pair[0])):
        named = getattr(config, setting)
        fitting = [name for name, kind in kinds.items() if kind in wanted]
        found = ", ".join(f"{name} ({_tell(features[name])})" for name in kinds)
        where = f"{config.dataset} has the features {found}"
        if named and named not in kinds:
            raise UsageError(f"{config.dataset}: {unknown('feature', named, kinds)}")
        if named and named not in fitting:
            raise UsageError(
                f"{setting}={named!r} cannot be used: {_tell(features[named])}. {where}; usable: {fitting or 'none'}"
            )
        if named:
            chosen.append(named)
        elif isinstance(usual, str) and usual in fitting:
            chosen.append(usual)
        elif len(fitting) == 1:
            chosen.append(fitting[0])
        elif fitting:
            raise UsageError(f"{where}. Remedy: choose {setting}= from {', '.join(fitting)}")
        else:
            raise UsageError(
                f"{where}: none of them can be the {setting}, which must be one of {', '.join(wanted)}. "
                "Remedy: write a task of its own for it"
            )
    label, chosen_input = chosen
    return chosen_input, label


def _tell(feature: Any) -> str:
    return " ".join(repr(feature).split())


def _output(feature: Any) -> Output:
    from keraseq.models.outputs import Classification, MultiLabelClassification, Regression

    match _kind(feature):
        case "classes":
            return Classification(tuple(feature.names))
        case "labels":
            return MultiLabelClassification(tuple(feature.feature.names))
    return Regression()


def _reader(name: str, feature: Any, kind: str) -> Callable[[Any], Any]:
    """From a TFDS example to the input."""
    if kind == "audio" and len(feature.shape) == 2:
        return lambda example: _mixed(example[name])
    if kind != "records":
        return lambda example: example[name]
    columns = _columns(feature)

    def stack(example: Any) -> Any:
        import tensorflow as tf

        return tf.stack([tf.cast(example[name][column], tf.float32) for column in columns], axis=-1)

    return stack


def _mixed(samples: Any) -> Any:
    """The mean over channels, `(samples, channels)` → `(samples,)`."""
    import tensorflow as tf

    return tf.reduce_mean(samples, axis=-1)
