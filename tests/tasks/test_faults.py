"""What is wrong with data is told, with a remedy, and leaves no broken cache behind."""

import contextlib
import logging
import resource
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

import keraseq
from keraseq.errors import KeraseqError
from keraseq.tasks import load_task
from keraseq.tasks.stream import Stream


class FaultySeries(tfds.core.GeneratorBasedBuilder):
    """Series and texts with a label; a subclass says how many, and what one of them is."""

    VERSION = tfds.core.Version("1.0.0")
    rows = {"train": 50, "test": 20}  # noqa: RUF012 (as TFDS declares such)

    def _info(self):
        features = {
            "series": tfds.features.Tensor(shape=(None,), dtype=np.float32),
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(num_classes=2),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split, rows) for split, rows in self.rows.items()}

    def _generate_examples(self, split, rows):
        for index in range(rows):
            faulty = self.series() if (split, index) == ("train", 7) else np.ones(5 + index % 3)
            text = b"caf\xe9" if (split, index) == ("train", 7) else f"café {index}"
            yield index, {"series": faulty.astype(np.float32), "text": text, "label": index % 2}

    def series(self):
        return np.ones(6)


class NotANumber(FaultySeries):
    def series(self):
        return np.array([1, np.nan, 2])


class VeryLong(FaultySeries):
    def series(self):
        return np.ones(100_000)


class NothingThere(FaultySeries):
    rows = {"train": 50, "test": 0}  # noqa: RUF012


class NoSteps(FaultySeries):
    def series(self):
        return np.ones(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def faulty_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("faulty")


def series(name, folder, **settings):
    return load_task(name, data_dir=folder, input="series", label="label", **settings)


def left(cache):
    return [path.name for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("not_a_number", r"not_a_number, train: example \d+ must be finite .*holds NaN or infinity. Remedy: clean the"),
        ("nothing_there", 'nothing_there cannot be prepared: .*"test": No examples were yielded'),
        (
            "no_steps",
            r"no_steps, train: example \d+ must have steps of shape \(time, 1\), time at least 1; got \(0, 1\)",
        ),
    ],
)
def test_what_cannot_be_used_is_told_and_leaves_nothing(name, message, faulty_dir, cache):
    with pytest.raises(KeraseqError, match=message):
        series(name, faulty_dir)
    assert left(cache) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes().replace(b"caf", b"cof", 1)), "corrupted record at"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "truncated record at"),
        (lambda path: path.unlink(), "No such file"),
    ],
)
def test_damaged_prepared_data_are_named(damage, message, tmp_path, cache):
    task = series("faulty_series", tmp_path)
    damage(next(Path(tmp_path / "faulty_series").rglob("*train.tfrecord*")))
    wanted = f"the prepared data of faulty_series in {tmp_path} are damaged: .*{message}.* Remedy: delete its folder"
    with pytest.raises(KeraseqError, match=wanted):
        series("faulty_series", tmp_path, split_seed=1)
    with pytest.raises(KeraseqError, match=wanted):
        task.raw("train", 50)
    assert len(list((cache / "tasks").iterdir())) == 1, "only what was cached before"


def test_a_very_long_example_is_told_and_alone_within_a_budget(faulty_dir, caplog):
    with caplog.at_level(logging.WARNING):
        task = series("very_long", faulty_dir, token_budget=100)
    assert "very_long, train: example" in caplog.text
    assert "has 100000 steps, half of all have at most 6" in caplog.text
    assert "set token_budget" in caplog.text
    shapes = [inputs["values"].shape[:2] for inputs, _ in task.train.as_numpy_iterator()]
    assert sorted(shapes)[0] == (1, 100_000)
    assert all(rows * steps <= 100 for rows, steps in shapes if rows > 1)
    model = keraseq.create_model("linear", task, seed=0)
    assert keraseq.fit(model, task, epochs=1, progress=False).epochs == 1


def test_bytes_that_are_not_utf8_are_told(faulty_dir, caplog):
    with caplog.at_level(logging.WARNING):
        task = load_task("faulty_series", data_dir=faulty_dir, input="text", label="label", tokeniser="bytes")
    assert "texts that are not UTF-8: 1, example 7 first; their wrong bytes read as \ufffd" in caplog.text
    assert [text for text, _ in task.raw("train", 50) if "\ufffd" in text] == ["caf\ufffd"]


@contextlib.contextmanager
def full_disk():
    """No file can grow beyond 2,000 bytes: writing more fails as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_is_full_while_caching_is_told_and_leaves_nothing(faulty_dir, cache):
    series("very_long", faulty_dir)  # prepared by TFDS
    before = set(left(cache))
    message = "cannot write the cache directory .* Remedy: set KERASEQ_CACHE_DIR to a folder .* that has room"
    with full_disk(), pytest.raises(KeraseqError, match=message):
        series("very_long", faulty_dir, split_seed=1)
    with full_disk(), pytest.raises(KeraseqError, match=message):
        keraseq.task_from_arrays(np.ones((100, 30)), np.arange(100) % 2)
    assert set(left(cache)) == before
    assert series("very_long", faulty_dir, split_seed=1).steps("test") == 1, "with room it does not go on"


def test_a_disk_that_is_full_stops_a_stream(tmp_path):
    with full_disk(), pytest.raises(OSError, match="File too large"):
        Stream([np.ones(1_500, int)] * 9, 9).save(tmp_path, "train")
