"""Tasks from real builders: digits and the adding problem."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from keraseq.errors import KeraseqError, UsageError
from keraseq.models.inputs import Features
from keraseq.models.outputs import Classification, Regression
from keraseq.tasks import Preprocessor, Task, load_task


def rows(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(inputs), np.concatenate(targets)


def test_digits(digits: Task) -> None:
    assert digits.name == "digits"
    assert isinstance(digits.inputs, Features)
    assert (digits.inputs.size, digits.inputs.length) == (1, 64)
    assert digits.output == Classification(tuple("0123456789"))
    assert (digits.metric, digits.objective, digits.direction) == ("accuracy", "val_accuracy", "max")
    assert digits.reference is None


def test_adding(adding: Task) -> None:
    assert adding.inputs == Features(2, 30)
    assert adding.output == Regression()
    assert (adding.metric, adding.objective, adding.direction) == ("mse", "val_mse", "min")


def test_batches_have_their_shape_and_type(digits: Task, adding: Task) -> None:
    for task, label in ((digits, "int32"), (adding, "float32")):
        inputs, targets = task.train.element_spec
        assert isinstance(task.inputs, Features)
        assert inputs.shape.as_list() == [None, task.inputs.length, task.inputs.size]
        assert inputs.dtype == "float32"
        assert targets.dtype == label
        for split in ("train", "validation", "test"):
            batches = list(task.dataset(split))
            assert len(batches) == task.steps(split) == int(task.dataset(split).cardinality())


def test_splits_are_disjoint_and_stratified(digits: Task) -> None:
    images = {split: rows(digits.dataset(split))[0][..., 0] for split in ("train", "validation", "test")}
    assert [len(found) for found in images.values()] == [1298, 144, 355]
    unique = [{image.tobytes() for image in found} for found in images.values()]
    assert not unique[0] & unique[1]
    assert not unique[0] & unique[2]
    assert not unique[1] & unique[2]
    assert np.bincount(rows(digits.test)[1]).tolist() == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]


def test_pixels_are_in_reading_order(digits: Task) -> None:
    from sklearn.datasets import load_digits

    known = {image.tobytes() for image in load_digits().images.reshape(-1, 64).astype(np.float32)}
    assert all(image.tobytes() in known for image in rows(digits.test)[0][..., 0])


def test_mean_and_deviation_are_those_of_train(digits: Task) -> None:
    values = rows(digits.train)[0]
    assert isinstance(digits.inputs, Features)
    assert digits.inputs.mean == pytest.approx([values.mean()], rel=1e-5)
    assert digits.inputs.deviation == pytest.approx([values.std()], rel=1e-5)


def test_the_reference_solves_adding(adding: Task) -> None:
    assert adding.reference is not None
    for split in ("train", "validation", "test"):
        values, targets = rows(adding.dataset(split))
        assert np.mean((adding.reference(values) - targets) ** 2) < 1e-12
        assert (values[..., 1].sum(axis=1) == 2).all()
        assert set(np.unique(values[..., 1])) == {0, 1}
        assert (values[..., 0] >= 0).all()
        assert (values[..., 0] < 1).all()


def test_chance_of_adding_is_a_sixth(adding: Task) -> None:
    assert adding.chance == pytest.approx(1 / 6, rel=0.2)
    mean = rows(adding.train)[1].mean()
    assert np.mean((rows(adding.test)[1] - mean) ** 2) == pytest.approx(adding.chance, rel=1e-5)


def test_chance_is_the_score_of_the_commonest_label(digits: Task) -> None:
    commonest = np.bincount(rows(digits.train)[1]).argmax()
    assert digits.chance == np.mean(rows(digits.test)[1] == commonest)


def test_marks_reach_every_step_and_pair() -> None:
    from keraseq.tasks.builders.adding import Adding

    def marks(length: int, count: int) -> list[tuple[int, ...]]:
        drawn = Adding.draw(None, np.random.default_rng(0), count, range(length, length + 1))
        return [tuple(sequence[:, 1].astype(int).tolist()) for sequence, _ in drawn]

    assert set(marks(2, 50)) == {(1, 1)}
    places = marks(3, 300)
    assert {places.count(pair) > 60 for pair in ((1, 1, 0), (1, 0, 1), (0, 1, 1))} == {True}


def test_another_data_seed_gives_other_sequences(adding: Task, data_dir: str) -> None:
    other = load_task("adding", data_dir=data_dir, length=30, train_examples=50, test_examples=400, data_seed=1)
    assert not set(rows(other.test)[1].ravel()) & set(rows(adding.test)[1].ravel())
    shared = set(rows(adding.test)[1].ravel()) & set(rows(adding.train)[1].ravel())
    assert len(shared) < 4


def test_the_order_of_train_depends_on_seed_and_epoch(adding: Task) -> None:
    dataset = adding.train
    first, second = rows(dataset)[1], rows(dataset)[1]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.sort(first, axis=0), np.sort(second, axis=0))
    again = adding.dataset("train", seed=0)
    np.testing.assert_array_equal(rows(again)[1], first)
    np.testing.assert_array_equal(rows(again)[1], second)
    np.testing.assert_array_equal(rows(adding.dataset("train", epoch=1))[1], second)
    assert not np.array_equal(rows(adding.dataset("train", seed=1))[1], first)


def test_the_order_of_evaluation_is_fixed(adding: Task) -> None:
    for split in ("validation", "test"):
        dataset = adding.dataset(split, seed=3)
        np.testing.assert_array_equal(rows(dataset)[1], rows(dataset)[1])
    shuffled = adding.dataset("test", shuffle=True)
    assert not np.array_equal(rows(shuffled)[1], rows(adding.test)[1])
    plain = adding.dataset("train", shuffle=False)
    np.testing.assert_array_equal(rows(plain)[1], rows(plain)[1])


def test_every_example_comes_exactly_once_an_epoch(adding: Task) -> None:
    targets = rows(adding.dataset("train", seed=5))[1]
    assert len(targets) == 900
    np.testing.assert_array_equal(
        np.sort(targets, axis=0), np.sort(rows(adding.dataset("train", shuffle=False))[1], axis=0)
    )


def test_validation_follows_its_share_and_seed(data_dir: str) -> None:
    first, other = (load_task("digits", data_dir=data_dir, validation=0.25, split_seed=seed) for seed in (0, 1))
    assert first.summary()["examples"] == {"train": 1082, "validation": 360, "test": 355}
    assert not np.array_equal(rows(first.validation)[0], rows(other.validation)[0])
    np.testing.assert_array_equal(rows(first.test)[0], rows(other.test)[0])


def test_a_share_that_leaves_nothing_is_told(data_dir: str) -> None:
    with pytest.raises(KeraseqError, match=r"adding has 2 training examples: taking a share of 0\.9 leaves none"):
        load_task("adding", data_dir=data_dir, length=2, train_examples=2, test_examples=1, validation=0.9)


def test_summary_is_plain_data(digits: Task, adding: Task) -> None:
    summary = json.loads(json.dumps(digits.summary()))
    assert summary["name"] == "digits"
    assert summary["settings"] == {
        "batch_size": 32, "token_budget": 0, "static_shapes": False, "validation": 0.1, "split_seed": 0
    }  # fmt: skip
    assert summary["lengths"]["train"] == {"min": 64, "5%": 64, "50%": 64, "95%": 64, "max": 64}
    assert summary["padding"] == {"train": 0, "validation": 0, "test": 0}
    assert summary["version"] == "1.0.0"
    assert summary["licence"] == "CC BY 4.0"
    assert "Kaynak" in summary["citation"]
    assert json.loads(json.dumps(adding.summary()))["output"] == {"kind": "regression", "size": 1}


def test_raw_examples_preprocess_to_the_same_inputs(digits: Task, adding: Task) -> None:
    for task in (digits, adding):
        raws = task.raw("test", 5)
        assert len(raws) == 5
        restored = Preprocessor.from_json(json.loads(json.dumps(task.preprocessor.to_json())))
        batch = restored.batch([raw for raw, _ in raws])
        inputs, targets = rows(task.test)
        np.testing.assert_array_equal(batch, inputs[:5])
        assert [target for _, target in raws] == targets[:5].tolist()


def test_an_unknown_split_is_told(digits: Task) -> None:
    with pytest.raises(UsageError, match="no split named 'tets'; did you mean 'test'"):
        digits.dataset("tets")
    with pytest.raises(UsageError, match="must not be negative"):
        digits.dataset("train", seed=-1)


def test_a_model_learns_from_the_batches(digits: Task) -> None:
    import keras

    assert isinstance(digits.inputs, Features)
    assert digits.inputs.mean is not None
    assert digits.inputs.deviation is not None
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((64, 1)),
            keras.layers.Normalization(mean=digits.inputs.mean, variance=[d**2 for d in digits.inputs.deviation]),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), loss=digits.output.loss(), metrics=digits.output.metrics())
    history = model.fit(digits.train, validation_data=digits.validation, epochs=5, shuffle=False, verbose=0)
    assert digits.objective in history.history
    assert history.history[digits.objective][-1] > 0.8 > digits.chance


@pytest.fixture(scope="module")
def ragged(data_dir: str) -> dict[str, Any]:
    return {
        "name": "dyck", "data_dir": data_dir, "length": 40, "train_examples": 500, "test_examples": 90, "batch_size": 32
    }  # fmt: skip


@pytest.mark.parametrize("budget", [0, 600])
def test_static_shapes_are_few_and_what_fills_a_batch_weighs_nothing(ragged: dict[str, Any], budget: int) -> None:
    plain = load_task(**ragged, token_budget=budget)
    task = load_task(**ragged, token_budget=budget, static_shapes=True)
    batches = list(task.dataset("train", seed=0).as_numpy_iterator())
    assert len(batches) == task.steps("train") == plain.steps("train")
    assert len(task.train.element_spec) == 3
    shapes = {inputs.shape for inputs, _, _ in batches}
    rows_of = {width: rows for rows, width in shapes}
    assert len(rows_of) == len(shapes) < 16, "batches of one width must have one number of rows"
    assert all(rows == 32 for rows in rows_of.values()) == (not budget)
    assert not budget or all(rows * width <= budget for rows, width in shapes)

    def told(x: np.ndarray, y: Any) -> tuple[bytes, int]:
        return x[x > 0].tobytes(), int(y)

    counted = [told(*row) for x, y, w in batches for *row, weight in zip(x, y, w, strict=True) if weight == 1]
    assert sorted(counted) == sorted(
        told(*row) for x, y in plain.train.as_numpy_iterator() for row in zip(x, y, strict=True)
    )


def test_scores_are_the_same_with_static_shapes(ragged: dict[str, Any]) -> None:
    from keraseq import create_model, fit
    from keraseq.inference.score import score

    plain, static = load_task(**ragged), load_task(**ragged, static_shapes=True)
    assert sum(len(y) for _, y in plain.test) % 32, "nothing is filled up"
    model = create_model("gru", static, units=8, seed=0)
    assert fit(model, static, epochs=1, progress=False).jit_compile is False
    accuracy = score(model, static)["accuracy"]
    model.compile(loss=plain.output.loss(), metrics=plain.output.metrics())
    assert accuracy == pytest.approx(score(model, plain)["accuracy"])


def test_shards_are_the_rows_of_each_batch(ragged: dict[str, Any]) -> None:
    task = load_task(**ragged, static_shapes=True)
    whole = list(task.dataset("train", seed=3).as_numpy_iterator())
    shards = [list(task.dataset("train", seed=3, shard=(k, 4)).as_numpy_iterator()) for k in range(4)]
    for batch, *parts in zip(whole, *shards, strict=True):
        for side in range(3):
            merged = np.stack([part[side] for part in parts], axis=1).reshape(batch[side].shape)
            np.testing.assert_array_equal(merged, batch[side])


@pytest.mark.parametrize(
    ("settings", "shard", "message"),
    [
        ({"static_shapes": True}, (4, 4), "shard must be .* 0 <= worker < workers; got"),
        ({"static_shapes": True}, (0, 3), "a batch_size that is a multiple of 3; got Batching.batch_size=32"),
        ({}, (0, 2), "set static_shapes=True"),
        ({"static_shapes": True, "token_budget": 99}, (0, 2), "no token_budget"),
    ],
)
def test_shards_that_would_differ_are_refused(
    ragged: dict[str, Any], settings: dict[str, Any], shard: tuple[int, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load_task(**ragged, **settings).dataset("train", shard=shard)


def test_ways_of_batching_share_one_cache(ragged: dict[str, Any], cache_dir: Any) -> None:
    load_task(**ragged)
    before = set((cache_dir / "tasks").iterdir())
    load_task(**ragged, token_budget=100, static_shapes=True)
    assert set((cache_dir / "tasks").iterdir()) == before
