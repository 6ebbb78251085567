"""Your own data from memory and from NumPy archives."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import keraseq
from keraseq import task_from_arrays, task_from_dataset
from keraseq.errors import KeraseqError, UsageError
from keraseq.models import Classification, Features, Regression, Tokens
from keraseq.tasks import load_task


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def waves(n=60, length=12):
    random = np.random.default_rng(0)
    x = random.normal(size=(n, length, 2))
    return x + 3 * (np.arange(n) % 2)[:, None, None], np.arange(n) % 2


def everything(task):
    return [pair for split in ("train", "validation", "test") for pair in task.raw(split, 10_000)]


def test_arrays_of_one_length_are_learned():
    x, y = waves()
    task = task_from_arrays(x, y, split="stratified", batch_size=8)
    assert isinstance(task.inputs, Features)
    assert task.inputs.size == 2
    assert task.output == Classification(("0", "1"))
    assert sum(label for _, label in task.raw("test", 99)) == 6
    given = sorted(x.astype("float32").tobytes() for x in x.astype("float32"))
    assert sorted(steps.tobytes() for steps, _ in everything(task)) == given
    model = keraseq.create_model("linear", task, seed=0)
    assert keraseq.fit(model, task, epochs=5, learning_rate=0.05, progress=False).score == 1


def test_the_same_data_are_the_same_task_in_another_process(cache):
    x, y = waves()
    one, same, other = task_from_arrays(x, y), task_from_arrays(x.copy(), y.tolist()), task_from_arrays(x + 1, y)
    assert one.config == same.config != other.config
    assert len(list((cache / "arrays").iterdir())) == 2
    again = load_task("table", path=one.config.path, input="input", label="label")
    for (a, label), (b, same_label) in zip(everything(one), everything(again), strict=True):
        np.testing.assert_array_equal(a, b)
        assert label == same_label


def test_lengths_may_differ_and_floating_point_labels_are_numbers():
    random = np.random.default_rng(0)
    x = [random.normal(size=n) for n in random.integers(1, 9, 40)]
    task = task_from_arrays(x, np.array([row.sum() for row in x]), split="time")
    assert task.output == Regression()
    assert task.inputs.length is None
    for (row, total), wanted in zip(everything(task), x, strict=True):
        np.testing.assert_allclose(row, wanted, rtol=1e-6)
        assert total == pytest.approx([wanted.sum()], rel=1e-5)


@pytest.mark.parametrize("label", [str, np.str_, lambda kind: ["no", "yes"][kind]])
def test_texts_stay_texts(label):
    texts = [f"é {'good' if i % 2 else 'bad'} \ud800{i}" if i else "bad  " for i in range(30)]
    task = task_from_arrays(texts, [label(i % 2) for i in range(30)], split="time", tokeniser="bytes")
    assert [text for text, _ in everything(task)] == [text.replace("\ud800", "?") for text in texts]
    assert isinstance(task.inputs, Tokens)


def test_numbers_can_be_symbols():
    x = np.random.default_rng(0).integers(0, 7, (50, 5))
    x[:, 0] = 6
    task = task_from_arrays(x, x[:, 1], symbols=True, split="stratified")
    assert task.inputs == Tokens(8)
    assert sorted(row[0] for row, _ in everything(task)) == [6] * 50


def test_whole_number_classes_are_in_their_order():
    task = task_from_arrays(np.zeros((60, 2)), np.arange(60) % 12, split="stratified", test=0.3, validation=0.4)
    assert task.output.labels == tuple(map(str, range(12)))


def test_a_dataset_is_read_once_to_its_end():
    x, y = waves()
    task = task_from_dataset(tf.data.Dataset.from_tensor_slices((x, y)), split="time")
    plain = task_from_arrays(x, y, split="time")
    assert [label for _, label in everything(task)] == [label for _, label in everything(plain)]
    np.testing.assert_array_equal(everything(task)[7][0], everything(plain)[7][0])
    texts = tf.data.Dataset.from_tensor_slices((["é a", "b", "c"] * 9, ["x", "y", "x"] * 9))
    assert task_from_dataset(texts, split="time").raw("train", 1) == [("é a", 0)]


def datasets():
    x, y = waves()
    whole = tf.data.Dataset.from_tensor_slices((x, y))
    return {
        "a dataset of pairs .input, label. is wanted": whole.map(lambda x, y: x),
        "a dataset that ends is wanted": whole.repeat(),
        "row 2 is not UTF-8: invalid continuation byte at byte 1": tf.data.Dataset.from_tensor_slices(
            ([b"ok", b"a\xe9b"], [0, 1])
        ),
        "at least three rows are wanted; got none": whole.take(0),
    }


@pytest.mark.parametrize("message", datasets())
def test_datasets_that_cannot_be_used_are_refused(message):
    with pytest.raises(UsageError, match=message):
        task_from_dataset(datasets()[message])


@pytest.mark.parametrize(
    ("inputs", "labels", "error", "message"),
    [
        ("text", [1], UsageError, "inputs must be a list of texts or arrays; got one text"),
        ([[1.0]] * 5, [1] * 4, UsageError, "as many labels as inputs are wanted; got 5 inputs, 4 labels"),
        (np.zeros((4, 2)), np.zeros((4, 2)), UsageError, r"labels must be n classes or numbers; got float64 of shape"),
        (
            np.zeros(4),
            [0, 1, 0, 1],
            UsageError,
            r"inputs must be \(n, time\) or \(n, time, size\); got float64 of shape",
        ),
        ([[1.0], "a", [2.0]], [0, 1, 0], UsageError, "row 2 of inputs must be a text as all others, or numbers"),
        ([[[1.0, 2]], [[1.0]]], [0, 1], UsageError, r"row 2 of inputs must be .* got float64 of shape \(1, 1\)"),
        (["good", "  ", "bad"], [0, 1, 0], KeraseqError, "row 2, input: the text is empty. Remedy: drop the row"),
        ([[1.0], [np.nan], [0.0]], [0, 1, 0], KeraseqError, "row 2, input: finite numbers"),
        ([[1.0], [], [0.0]], [0, 1, 0], KeraseqError, "row 2, input: a text or a list of numbers is wanted"),
        (np.zeros((5, 2)), [0.0, 1.0, np.nan, 0.0, 0.0], KeraseqError, "row 3, label: a finite number is wanted"),
        (np.zeros((5, 2)), [1] * 5, KeraseqError, "label has 1 kinds; wanted 2 to 1000"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(inputs, labels, error, message):
    with pytest.raises(error, match=message):
        task_from_arrays(inputs, labels)


def test_an_archive_of_ones_own_is_a_table(tmp_path):
    x, y = waves()
    np.savez(tmp_path / "own.npz", series=x, kind=np.array(["a", "b"])[y])
    task = load_task("table", path=str(tmp_path / "own.npz"), input="series", label="kind")
    assert task.output == Classification(("a", "b"))
    assert task.inputs.size == 2


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: np.savez(path, text=np.zeros((3, 2)), label=np.arange(4)), "all columns must have as many rows"),
        (lambda path: np.savez(path, text=np.array([{}], object), label=[1]), "without pickles: Object arrays cannot"),
        (lambda path: path.write_bytes(b"no archive"), "cannot be read as a NumPy archive"),
        (lambda path: np.savez(path, text=np.zeros((0, 2)), label=[]), "has no rows"),
    ],
)
def test_archives_that_cannot_be_read_are_refused(write, message, tmp_path):
    path = Path(tmp_path / "own.npz")
    write(path)
    with pytest.raises(KeraseqError, match=message):
        load_task("table", path=str(path))


def test_a_cache_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(KeraseqError, match=r"cannot write the cache directory .*file: Not a directory"):
        task_from_arrays(*waves())
