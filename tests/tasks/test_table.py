"""Your own data from files."""

import json

import keras
import numpy as np
import pytest

import keraseq
from keraseq.errors import KeraseqError, UsageError
from keraseq.models import Classification, Regression
from keraseq.tasks import load_task

SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path / "cache"))


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def reviews(path, n=60):
    """A CSV of texts whose class is told by one word, with a comma, a quote and a line break in them."""
    kinds = [("good", "pos"), ("bad", "neg"), ("fair", "so so")]
    rows = [f'"{kinds[i % 3][0]}, ""very""\nindeed é {i}",{kinds[i % 3][1]}\n' for i in range(n)]
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8-sig")
    return str(path)


def rows_of(task, split):
    return [raw for raw, _ in task.raw(split, 1000)]


@pytest.mark.parametrize("split", ["random", "stratified", "time"])
def test_texts_are_split_and_learned(tmp_path, split):
    task = load_task("table", path=reviews(tmp_path / "reviews.csv"), split=split, batch_size=8)
    assert task.output == Classification(("neg", "pos", "so so"))
    found = {name: rows_of(task, name) for name in SPLITS}
    assert {name: len(rows) for name, rows in found.items()} == pytest.approx(
        {"train": 43, "validation": 5, "test": 12}, abs=2
    )
    texts = [text for rows in found.values() for text in rows]
    assert len(set(texts)) == 60
    assert all('"very"\nindeed é' in text for text in texts)
    if split == "time":
        assert [int(text.split()[-1]) for text in found["train"] + found["validation"] + found["test"]] == [*range(60)]
    if split == "stratified":
        assert sorted(t for _, t in task.raw("test", 99)) == [0] * 4 + [1] * 4 + [2] * 4
    model = keraseq.create_model("cnn", task, filters=8, seed=0)
    result = keraseq.fit(model, task, epochs=12, learning_rate=0.02, patience=None, progress=False)
    assert result.score > 0.9


def test_sequences_of_numbers_are_standardised_features(tmp_path):
    random = np.random.default_rng(0)
    rows = [{"x": (50 + 9 * random.normal(size=(3 + i % 4, 2))).tolist(), "y": i / 7} for i in range(40)]
    task = load_task("table", path=lines(tmp_path / "s.jsonl", rows), input="x", label="y", asks_for="number")
    assert task.output == Regression()
    assert task.inputs.size == 2
    assert task.inputs.mean == pytest.approx((50, 50), abs=5)
    x, y = next(iter(task.test.as_numpy_iterator()))
    assert keras.tree.map_structure(np.shape, x) == {"values": (8, 6, 2), "mask": (8, 6)}
    assert y.shape == (8, 1)
    seen = sorted(7 * t[0] for name in SPLITS for _, t in task.raw(name, 99))
    assert seen == pytest.approx(range(40), abs=1e-4)


def test_settings_of_texts_are_refused_for_numbers(tmp_path):
    path = lines(tmp_path / "s.jsonl", [{"text": [1.0], "label": 1}])
    with pytest.raises(UsageError, match=r"max_length=9 changes nothing: text of .* is numbers and not text"):
        load_task("table", path=path, max_length=9)


def test_the_same_file_is_encoded_once_and_a_changed_one_anew(tmp_path):
    path = tmp_path / "reviews.csv"
    reviews(path)
    first = load_task("table", path=str(path))
    again = load_task("table", path=str(path))
    assert first.summary() == again.summary()
    reviews(path, n=90)
    assert sum(load_task("table", path=str(path)).summary()["examples"].values()) == 90
    assert len(list((tmp_path / "cache" / "tasks").iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"text,label\n", "has no rows"),
        ("a.csv", b"", "has no rows"),
        ("a.csv", b"text,label\nhello\n", "line 2: as many fields as the header has are wanted"),
        ("a.csv", b"text,label\na,b,c\n", "line 2: as many fields as the header has are wanted"),
        ("a.csv", b"text,label\n\xff\xfe,x\n", "is not UTF-8: invalid start byte at byte 11"),
        ("a.csv", b"text,label\n  ,x\nb,y\n", "row 1, text: the text is empty"),
        ("a.csv", b"text,label\na,\nb,y\n", "row 1: label is empty"),
        ("a.csv", b"text,label\na,x\nb,x\n", "label has 1 kinds; wanted 2 to 1000"),
        ("a.csv", b"text,lable\na,x\n", "no column named 'label'; did you mean 'lable'"),
        ("a.jsonl", b'{"text": "a"\n', "line 1: not JSON"),
        ("a.jsonl", b"[1, 2]\n", "line 1: an object is wanted; got list"),
        ("a.jsonl", b'{"text": [1, NaN], "label": 1}\n', "row 1, text: finite numbers of shape"),
        ("a.jsonl", b'{"text": [[1], [1, 2]], "label": 1}\n', "row 1, text: numbers, or lists of as many numbers"),
        ("a.jsonl", b'{"text": [], "label": 1}\n', r"row 1, text: a text or a list of numbers is wanted; got \[\]"),
        ("a.jsonl", b'{"text": {"b": 1}, "label": 1}\n', "row 1, text: a text or a list of numbers is wanted"),
        ("a.txt", b"text", "must end in one of .csv, .tsv, .jsonl, .parquet, .npz; got .txt"),
    ],
)
def test_bad_files_get_a_message_and_leave_no_cache(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KeraseqError, match=message):
        load_task("table", path=str(tmp_path / name))
    assert not [*(tmp_path / "cache").glob("tasks/*")]


def test_a_label_that_train_never_sees_is_refused(tmp_path):
    rows = [{"text": f"w {i}", "label": "a" if i < 18 else "b"} for i in range(20)]
    with pytest.raises(UsageError, match="1 of the labels never occur in train"):
        load_task("table", path=lines(tmp_path / "t.jsonl", rows), split="time")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "path"),
        ({"path": "/nowhere.csv"}, "/nowhere.csv does not exist"),
        ({"path": "a.csv", "split": "stratified", "asks_for": "number"}, "for classes; got asks_for='number'"),
        ({"path": "a.csv", "split": "last"}, "split must be one of 'random', 'stratified', 'time'; got 'last'"),
        ({"path": "a.csv", "test": 1.0}, "test must be a share above 0 and below 1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(KeraseqError, match=message):
        load_task("table", **settings)


def test_words_for_numbers_are_refused(tmp_path):
    path = lines(tmp_path / "t.jsonl", [{"text": "a", "label": "2"}, {"text": "b", "label": "two"}])
    with pytest.raises(KeraseqError, match="row 2, label: a number is wanted; got 'two'"):
        load_task("table", path=path, asks_for="number")


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    rows = [{"text": [float(i), 2.0], "label": i % 2} for i in range(20)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "t.parquet")
    task = load_task("table", path=str(tmp_path / "t.parquet"))
    assert sum(task.summary()["examples"].values()) == 20
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(KeraseqError, match="cannot be read as Parquet"):
        load_task("table", path=str(tmp_path / "bad.parquet"))
