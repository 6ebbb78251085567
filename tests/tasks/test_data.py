"""Real data sets, where TFDS_DATA_DIR has them prepared."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from keraseq.models import Translation
from keraseq.tasks import Preprocessor, Task, load_task

pytestmark = pytest.mark.data


def load(name: str, config: str = "", **settings: str) -> Task:
    folder = os.environ.get("TFDS_DATA_DIR")
    if not folder:
        pytest.skip("TFDS_DATA_DIR is not set")
    if not list(Path(folder, name, config).rglob("dataset_info.json")):
        told = " ".join([name, *(f"--set task.{key}={value}" for key, value in settings.items())])
        pytest.skip(f"{name} is not prepared in TFDS_DATA_DIR={folder}; run: keraseq data prepare {told}")
    return load_task(name, data_dir=folder, **settings)


@pytest.fixture(scope="module")
def imdb_reviews() -> Task:
    return load("imdb_reviews")


def test_imdb_reviews(imdb_reviews: Task) -> None:
    summary = imdb_reviews.summary()
    assert summary["examples"] == {"train": 22_500, "validation": 2_500, "test": 25_000}
    assert summary["lengths"]["train"]["max"] == 256
    assert summary["output"]["labels"] == ("neg", "pos")
    assert imdb_reviews.chance == 0.5
    assert max(summary["padding"].values()) < 0.1


def test_imdb_reviews_batches_carry_every_review_once(imdb_reviews: Task) -> None:
    fed = padded = reviews = positive = 0
    for tokens, labels in imdb_reviews.train.as_numpy_iterator():
        fed += tokens.size
        padded += int(np.count_nonzero(tokens == 0))
        reviews += len(labels)
        positive += int(labels.sum())
    assert reviews == 22_500
    assert positive == pytest.approx(11_250, rel=0.02)
    assert padded / fed == pytest.approx(imdb_reviews.summary()["padding"]["train"])


def test_imdb_reviews_end_as_the_texts_do(imdb_reviews: Task) -> None:
    texts = [text for text, _ in imdb_reviews.raw("test", 3)]
    whole = Preprocessor.from_json(imdb_reviews.preprocessor.to_json() | {"max_length": 10_000}).batch(texts)
    cut = imdb_reviews.preprocessor.batch(texts)
    for row, kept in zip(whole, cut, strict=True):
        assert row[row > 0][-256:].tolist() == kept[kept > 0].tolist()


def test_mnist() -> None:
    task = load("mnist", order="permuted")
    assert task.summary()["examples"] == {"train": 54_000, "validation": 6_000, "test": 10_000}
    assert task.chance == pytest.approx(0.1135)
    [(image, label)] = task.raw("test", 1)
    inputs, labels = next(task.test.as_numpy_iterator())
    assert inputs.shape == (64, 784, 1)
    assert labels[0] == label
    assert inputs[0].ravel().tolist() != image.ravel().tolist()
    assert sorted(inputs[0].ravel()) == sorted(image.ravel())


def test_rows_of_mnist() -> None:
    task = load("mnist", order="row")
    inputs, _ = next(task.test.as_numpy_iterator())
    assert inputs.shape == (64, 28, 28)
    assert not inputs[:, 0].any()


@pytest.mark.parametrize(("split", "sizes", "longest"), [("simple", 4_182, 48), ("length", 3_920, 48)])
def test_scan(split: str, sizes: int, longest: int) -> None:
    task = load("scan", split, split=split)
    summary = task.summary()
    assert summary["examples"]["test"] == sizes
    assert sum(summary["examples"].values()) == 20_910
    assert isinstance(task.output, Translation)
    assert task.output.longest == summary["target_lengths"]["test"]["max"] == longest + 1
    assert summary["padding"]["train"] < 0.1
    targets = [row for _, batch in task.test.as_numpy_iterator() for row in batch]
    read = task.preprocessor.target.decode  # type: ignore[attr-defined]
    found = sorted(answer["text"] for answer in task.output.decode(targets, read))
    assert found == sorted(actions for _, actions in task.raw("test", sizes))


@pytest.mark.parametrize(("label", "classes"), [("coarse", 6), ("fine", 47)])
def test_trec(label: str, classes: int) -> None:
    summary = load("trec", label=label).summary()
    assert sum(summary["examples"].values()) == 5_952
    assert len(summary["output"]["labels"]) == classes
    assert summary["padding"]["train"] < 0.1
