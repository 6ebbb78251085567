"""Several labels for a whole sequence: from a table, from TFDS, through training to predictions."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import keraseq
from keraseq.errors import KeraseqError, UsageError
from keraseq.models import MultiLabelClassification
from keraseq.registry import tasks
from keraseq.tasks import Task, load_task
from keraseq.testing import TASK_CHECKS
from keraseq.testing.tasks.case import TaskCase

WORDS = ("red", "long", "old", "wet", "odd")
ROWS = 120
SETTINGS = {"asks_for": "labels", "batch_size": 8}


def labels(i: int) -> list[str]:
    """Any number of four labels; every seventh row has none."""
    return [word for k, word in enumerate(WORDS[:4]) if i % 7 and (i * 37 >> k) % (k + 2) == 0]


def text(i: int) -> str:
    return f"{i} " + " and ".join([*labels(i), WORDS[4]])


def lines(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    path = tmp_path_factory.mktemp("labels") / "rows.jsonl"
    return load_task(
        "table", path=lines(path, [{"text": text(i), "label": labels(i)} for i in range(ROWS)]), **SETTINGS
    )


def test_labels_of_a_table(task: Task) -> None:
    assert task.output == MultiLabelClassification(tuple(sorted(WORDS[:4])))
    assert (task.metric, task.objective, task.direction) == ("f1", "val_f1", "max")
    assert task.train.element_spec[1] == tf.TensorSpec((None, 4), tf.int32)
    pairs = [pair for split in ("train", "validation", "test") for pair in task.raw(split, ROWS)]
    assert len(pairs) == ROWS
    for given, target in pairs:
        assert sorted(task.read_target(target)) == sorted(labels(int(given.split()[0])))
    held = [label for given, _ in task.raw("train", ROWS) for label in labels(int(given.split()[0]))]
    train = task.summary()["examples"]["train"]
    assert task.summary()["balance"] == pytest.approx({word: held.count(word) / train for word in WORDS[:4]})


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet"])
def test_other_files_give_the_same(form: str, task: Task, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{form}"
    if form == "parquet":
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        from pyarrow import parquet

        rows = [{"text": text(i), "label": labels(i)} for i in range(ROWS)]
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(file, delimiter={"csv": ",", "tsv": "\t"}[form])
            writer.writerows([("text", "label"), *((text(i), " | ".join(labels(i))) for i in range(ROWS))])
    again = load_task("table", path=str(path), **SETTINGS)
    assert again.output == task.output
    assert again.raw("test", ROWS) == task.raw("test", ROWS)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, r"row 2, label: a list of labels, or a text with \| between them, is wanted; got None"),
        (3, "row 2, label: a list of labels"),
        ("red||old", r"row 2, label: labels must be texts or numbers, none of them empty; got \['red', '', 'old'\]"),
        ([["red"]], "row 2, label: labels must be texts or numbers"),
        ([None], "row 2, label: labels must be texts or numbers"),
    ],
)
def test_bad_labels_are_told_by_their_row(label: Any, message: str, tmp_path: Path) -> None:
    rows = [{"text": "a", "label": ["red"]}, {"text": "b", "label": label}]
    with pytest.raises(KeraseqError, match=message):
        load_task("table", path=lines(tmp_path / "t.jsonl", rows), asks_for="labels")


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        ([["a"]] * 19 + [["b"]], {"split": "time"}, "1 of the labels never occur in train"),
        ([[]] * 9, {}, "label has 0 kinds; wanted 1 to 1000"),
        ([["a"]] * 9, {"split": "stratified"}, "split='stratified' is for classes; got asks_for='labels'"),
    ],
)
def test_labels_that_cannot_be_used(rows: Any, settings: dict[str, str], message: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", [{"text": f"w {i}", "label": row} for i, row in enumerate(rows)])
    with pytest.raises(UsageError, match=message):
        load_task("table", path=path, asks_for="labels", **settings)


def test_chance_is_the_best_of_all_constant_answers(task: Task) -> None:
    known, asked = (
        np.concatenate([targets for _, targets in task.dataset(split).as_numpy_iterator()])
        for split in ("train", "test")
    )

    def f1(answer: Any, targets: np.ndarray) -> float:
        return 2 * (targets * answer).sum() / (sum(answer) * len(targets) + targets.sum())

    best = max(itertools.product((0, 1), repeat=4), key=lambda answer: f1(answer, known))
    assert 0 < sum(best) < 4
    assert task.chance == task.chances["f1"] == pytest.approx(f1(best, asked))
    p = (known.sum(axis=0) + 0.5) / (len(known) + 1)
    entropy = -(asked * np.log(p) + (1 - asked) * np.log(1 - p)).mean()
    assert task.chances["binary_cross_entropy"] == pytest.approx(entropy)


@pytest.mark.parametrize("check", TASK_CHECKS[1:], ids=lambda check: check.__name__)
def test_conformance(check: Any, task: Task) -> None:
    check(TaskCase(task, tasks.entry("table")))


def test_a_model_learns_labels_and_predicts_them_on_raw_texts(task: Task, tmp_path: Path) -> None:
    model = keraseq.create_model("linear", task, units=16, seed=0)
    result = keraseq.fit(model, task, epochs=15, learning_rate=0.1, patience=None, progress=False)
    assert result.score is not None
    assert result.score > 0.95 > task.chance
    keraseq.save_model(model, task, tmp_path)
    both, none = keraseq.load_model(tmp_path).predict(["red and wet and odd", "odd"])
    assert both["labels"] == ["red", "wet"]
    assert all(0.5 < p <= 1 for p in both["probabilities"])
    assert none == {"labels": [], "probabilities": []}


class MadeTopics(tfds.core.GeneratorBasedBuilder):
    """Texts with any number of topics; those of split `hidden` are not told."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> Any:
        features = tfds.features
        topics = features.Sequence(features.ClassLabel(names=list(WORDS)))
        return tfds.core.DatasetInfo(
            builder=self, features=features.FeaturesDict({"text": features.Text(), "topics": topics})
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(), "hidden": self._generate_examples(hidden=True)}

    def _generate_examples(self, hidden: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in range(ROWS):
            yield i, {"text": text(i), "topics": [-1] if hidden else labels(i) * 2}


def test_a_sequence_of_classes_is_a_set_of_labels(data_dir: str) -> None:
    task = load_task("made_topics", data_dir=data_dir)
    assert task.output == MultiLabelClassification(WORDS)
    for given, target in task.raw("test", ROWS):
        assert task.read_target(target) == labels(int(given.split()[0]))
    with pytest.raises(KeraseqError, match=r"labels must be in 0 … 4; example 0 has \[-1\].*another by test_split"):
        load_task("made_topics", data_dir=data_dir, test_split="hidden")
