"""Tasks inferred from the features of TFDS builders that nobody registered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keraseq.errors import KeraseqError, UsageError
from keraseq.models.inputs import Features, Tokens
from keraseq.models.outputs import Classification, Regression
from keraseq.tasks import load_task

F = tfds.features


class _Made:
    """Thirty examples whose parts are made by functions of their number."""

    VERSION = tfds.core.Version("1.0.0")
    parts: ClassVar[dict[str, Any]] = {}
    keys: ClassVar[tuple[str, str] | None] = None

    def _info(self) -> Any:
        features = F.FeaturesDict({name: feature for name, (feature, _) in self.parts.items()})
        return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=self.keys)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in range(30):
            yield i, {name: make(i) for name, (_, make) in self.parts.items()}


CLASS = (F.ClassLabel(names=["no", "yes"]), lambda i: i % 2)
TEXT = (F.Text(), lambda i: f"text number {i}")
VALUE = (F.Scalar(np.float64), lambda i: i / 10)
SERIES = (F.Sequence(np.float32), lambda i: np.arange(1 + i % 5, dtype=np.float32))
VECTORS = (F.Tensor(shape=(None, 3), dtype=np.int32), lambda i: np.full((2 + i % 3, 3), i, np.int32))
FIXED = (F.Tensor(shape=(4, 2), dtype=np.float64), lambda i: np.full((4, 2), i / 7))
IMAGE = (F.Image(shape=(4, 5, 3)), lambda i: np.full((4, 5, 3), i, np.uint8))
RECORDS = (
    F.Sequence({"x": np.float64, "y": np.float32, "time": np.int64}),
    lambda i: {"x": np.full(2 + i % 2, 1.5), "y": np.full(2 + i % 2, i, np.float32), "time": np.arange(2 + i % 2)},
)
LONG = (F.Audio(dtype=np.int64), lambda i: np.arange(5 + i, dtype=np.int64) - 3)
BROKEN = (F.Sequence(np.float32), lambda i: np.array([np.nan if i == 7 else 1.0], np.float32))


class MadeTextClass(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"text": TEXT, "label": CLASS}


class MadeTextValue(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"text": TEXT, "stars": VALUE}


class MadeSeries(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"series": SERIES, "label": CLASS, "count": (F.Scalar(np.int32), lambda i: i)}


class MadeVectors(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"vectors": VECTORS, "label": CLASS}


class MadeFixed(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"fixed": FIXED, "stars": VALUE}


class MadeImage(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"image": IMAGE, "label": CLASS}


class MadeRecords(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"features": RECORDS, "label": CLASS}


class MadeAudio(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"audio": LONG, "label": CLASS}


class MadeMany(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"title": TEXT, "body": TEXT, "label": CLASS, "stars": VALUE}


class MadeSupervised(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"title": TEXT, "body": TEXT, "label": CLASS, "stars": VALUE}
    keys: ClassVar = ("body", "stars")


class MadeTagged(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"words": (F.Sequence(F.Text()), lambda i: ["a"]), "tags": (F.Sequence(CLASS[0]), lambda i: [1])}


class MadeBroken(_Made, tfds.core.GeneratorBasedBuilder):
    parts: ClassVar = {"series": BROKEN, "label": CLASS}


@pytest.fixture(scope="module")
def made_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


def test_text_and_class(made_dir: Path) -> None:
    task = load_task("made_text_class", data_dir=made_dir, batch_size=4)
    assert isinstance(task.inputs, Tokens)
    assert task.output == Classification(("no", "yes"))
    assert task.summary()["examples"] == {"train": 22, "validation": 2, "test": 6}
    for text, target in task.raw("test", 6):
        assert int(text.split()[-1]) % 2 == target


def test_the_vocabulary_is_learned_from_train_alone(made_dir: Path) -> None:
    task = load_task("made_text_class", data_dir=made_dir)
    unknown = [text for text, _ in task.raw("train", 99) if (task.preprocessor.batch([text]) == 1).any()]
    assert not unknown
    assert all((task.preprocessor.batch([text]) == 1).any() for text, _ in task.raw("test", 6))


def test_text_and_value(made_dir: Path) -> None:
    task = load_task("made_text_value", data_dir=made_dir, tokeniser="bytes")
    assert task.inputs == Tokens(258, longest=256)
    assert task.output == Regression()
    targets = np.concatenate([batch for _, batch in task.train.as_numpy_iterator()])
    assert targets.shape == (22, 1)
    assert targets.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "size", "length"),
    [
        ("made_series", 1, None),
        ("made_vectors", 3, None),
        ("made_fixed", 2, 4),
        ("made_image", 3, 20),
        ("made_records", 2, None),
        ("made_audio", 1, None),
    ],
)
def test_sequences_of_numbers(name: str, size: int, length: int | None, made_dir: Path) -> None:
    task = load_task(name, data_dir=made_dir, batch_size=4)
    assert isinstance(task.inputs, Features)
    assert (task.inputs.size, task.inputs.length) == (size, length)
    batches = [inputs for inputs, _ in task.train.as_numpy_iterator()]
    values = batches if length else [batch["values"][batch["mask"]] for batch in batches]
    steps = np.concatenate([value.reshape(-1, size) for value in values])
    if name != "made_image":
        deviation = steps.std(axis=0)
        assert task.inputs.mean == pytest.approx(steps.mean(axis=0), rel=1e-4)
        assert task.inputs.deviation == pytest.approx(np.where(deviation > 0, deviation, 1), rel=1e-4)
    spec = task.train.element_spec[0]
    assert (spec if length else spec["values"]).shape.as_list() == [None, length, size]
    raw, _ = task.raw("test", 1)[0]
    assert (task.preprocessor.batch([raw]) if length else task.preprocessor.batch([raw])["values"]).shape[2] == size


def test_rows_of_an_image(made_dir: Path) -> None:
    task = load_task("made_image", data_dir=made_dir, order="row")
    assert isinstance(task.inputs, Features)
    assert (task.inputs.size, task.inputs.length) == (15, 4)
    assert task.inputs.deviation is not None
    assert len(set(task.inputs.deviation)) == 1
    pixels = np.concatenate([inputs.ravel() for inputs, _ in task.train.as_numpy_iterator()])
    assert task.inputs.deviation[0] == pytest.approx(pixels.std(), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "made_text_class",
            {"mels": 8},
            "mels=8 changes nothing: made_text_class takes text, which is text and not audio",
        ),
        ("made_text_class", {"order": "row"}, "order='row' changes nothing: .*, which is text and not image"),
        ("made_series", {"tokeniser": "bytes"}, "tokeniser='bytes' changes nothing: .*, which is numbers and not text"),
        (
            "made_records",
            {"hop": 0.02},
            "hop=0.02 changes nothing: .*, which is records and not audio. Remedy: leave it",
        ),
        ("made_image", {"max_length": 4}, "max_length=4 changes nothing: .*, which is image and not text"),
    ],
)
def test_settings_of_another_kind_of_input_are_refused(
    name: str, settings: dict[str, Any], message: str, made_dir: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        load_task(name, data_dir=made_dir, **settings)


def test_settings_of_another_kind_may_be_given_at_their_defaults(made_dir: Path) -> None:
    assert load_task("made_text_class", data_dir=made_dir, mels=40, order="pixel").inputs


def test_several_candidates_must_be_chosen_from(made_dir: Path) -> None:
    with pytest.raises(UsageError, match=r"made_many has the features .*Remedy: choose label= from label, stars"):
        load_task("made_many", data_dir=made_dir)
    with pytest.raises(UsageError, match=r"Remedy: choose input= from (title, body|body, title)"):
        load_task("made_many", data_dir=made_dir, label="stars")
    task = load_task("made_many", data_dir=made_dir, label="stars", input="title")
    assert task.output == Regression()


def test_supervised_keys_decide_and_settings_overrule_them(made_dir: Path) -> None:
    assert load_task("made_supervised", data_dir=made_dir).output == Regression()
    assert load_task("made_supervised", data_dir=made_dir, label="label").output == Classification(("no", "yes"))


def test_a_wrong_choice_is_told(made_dir: Path) -> None:
    with pytest.raises(UsageError, match="no feature named 'lable'; did you mean 'label'"):
        load_task("made_many", data_dir=made_dir, label="lable")
    with pytest.raises(UsageError, match="label='title' cannot be used"):
        load_task("made_many", data_dir=made_dir, label="title")


def test_unsupported_features_are_told_before_anything_is_prepared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"made_tagged has the features .*none of them can be the input"):
        load_task("made_tagged", data_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_value_that_is_not_finite_is_told(made_dir: Path) -> None:
    with pytest.raises(KeraseqError, match=r"made_broken, \w+: example \d+ must be finite"):
        load_task("made_broken", data_dir=made_dir)


def test_a_new_version_of_a_builder_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_task("made_series", data_dir=tmp_path)
    monkeypatch.setattr(MadeSeries, "VERSION", tfds.core.Version("2.0.0"))
    second = load_task("made_series", data_dir=tmp_path)
    assert (first.about["version"], second.about["version"]) == ("1.0.0", "2.0.0")
