"""Tasks whose targets are sequences: a label a step, and text for text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds

import keraseq
from keraseq import registry
from keraseq.errors import KeraseqError, UsageError
from keraseq.inference.score import score
from keraseq.models import Tagging, Tokens, Translation
from keraseq.tasks import Preprocessor, Task, load_task, source
from keraseq.tasks.copy_memory import CopyMemory
from keraseq.tasks.preprocess import SymbolPreprocessor
from keraseq.tasks.scan import Scan
from keraseq.tasks.score import exact_match
from keraseq.testing.tasks import check_targets
from keraseq.testing.tasks.case import TaskCase

SPLITS = ("train", "validation", "test")
NUMBERS = ("nought", "one", "two", "three", "four", "five", "six")


class TinyScan(tfds.core.GeneratorBasedBuilder):
    """Numbers to as many jumps, in the form of SCAN."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="length", version="1.0.0")]  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        text = tfds.features.Text()
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict({"commands": text, "actions": text})
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(40), "test": self._generate_examples(15, "ever")}

    def _generate_examples(self, count: int, word: str = "now") -> Iterator[tuple[int, dict[str, Any]]]:
        for i in range(count):
            actions = ["I_JUMP"] * (i % 7) + ["I_RUN" if i % 2 else "I_WALK"]
            yield i, {"commands": f"{NUMBERS[i % 7]} {i % 5 * 'and '}{word}", "actions": " ".join(actions)}


class TinyTags(tfds.core.GeneratorBasedBuilder):
    """Sequences of 2 to 6 numbers, each labelled by whether it is above 4; every fourth step has no label."""

    VERSION = tfds.core.Version("1.0.0")
    extra = 0

    def _info(self) -> Any:
        steps = tfds.features.Sequence(np.int64)
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"x": steps, "y": steps}))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(300), "test": self._generate_examples(50)}

    def _generate_examples(self, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        rng = np.random.default_rng(count)
        for i in range(count):
            x = rng.integers(0, 10, 2 + i % 5)
            y = np.where(np.arange(len(x)) == 3, -1, x > 4)
            yield i, {"x": x, "y": np.append(y, [1] * self.extra)}


class MoreTagsThanSteps(TinyTags):
    extra = 1


@pytest.fixture(scope="module")
def scan(data_dir: str) -> Iterator[Task]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scan, "source", "tiny_scan:1.0.0")
        yield load_task("scan", data_dir=data_dir, split="length", batch_size=4, label_smoothing=0.1)


@pytest.fixture(scope="module")
def copy_memory(data_dir: str) -> Task:
    return load_task("copy_memory", data_dir=data_dir, length=4, train_examples=600, test_examples=200)


def load_tags(patch: pytest.MonkeyPatch, data_dir: str, builder: str = "tiny_tags") -> Task:
    """A task of ragged tags: `copy_memory` with another data set under it."""

    def read(config: Any, data_dir: str | None) -> Any:
        return source.read(
            source.open_builder(builder, data_dir),
            name=builder,
            data_dir=data_dir,
            output=Tagging(("low", "high")),
            input_of=lambda example: example["x"],
            label_of=lambda example: example["y"],
            validation=config.validation,
            seed=config.split_seed,
        )

    patch.setattr(CopyMemory, "source", builder)
    patch.setattr(CopyMemory, "read", read)
    patch.setattr(CopyMemory, "fit", lambda config, train: SymbolPreprocessor(10, None))
    return load_task("copy_memory", data_dir=data_dir, batch_size=8)


@pytest.fixture(scope="module")
def tags(data_dir: str) -> Task:
    with pytest.MonkeyPatch.context() as patch:
        return load_tags(patch, data_dir)


def test_copy_memory(copy_memory: Task) -> None:
    assert copy_memory.inputs == Tokens(11, length=24)
    assert isinstance(copy_memory.output, Tagging)
    assert copy_memory.output.labels == ("blank", "1", "2", "3", "4", "5", "6", "7", "8")
    assert (copy_memory.metric, copy_memory.objective, copy_memory.direction) == ("accuracy", "val_accuracy", "max")
    inputs, targets = copy_memory.train.element_spec
    assert inputs.shape.as_list() == targets.shape.as_list() == [None, 24]
    sequence, answer = copy_memory.raw("test", 1)[0]
    symbols = sequence[:10].tolist()
    assert set(symbols) <= set(range(1, 9))
    assert sequence[10:].tolist() == [0] * 3 + [9] * 11
    assert answer == [0] * 14 + symbols


def test_the_reference_solves_copy_memory(copy_memory: Task) -> None:
    assert copy_memory.reference is not None
    for split in SPLITS:
        for inputs, targets in copy_memory.dataset(split).as_numpy_iterator():
            np.testing.assert_array_equal(copy_memory.reference(inputs), targets)
            assert inputs.min() >= 1


def test_sequences_of_copy_memory_are_another_for_another_seed_and_split(copy_memory: Task, data_dir: str) -> None:
    other = load_task("copy_memory", data_dir=data_dir, length=4, train_examples=600, test_examples=200, data_seed=1)
    drawn = {
        (task, split): {row.tobytes() for inputs, _ in task.dataset(split).as_numpy_iterator() for row in inputs}
        for task in (copy_memory, other)
        for split in ("train", "test")
    }
    assert len(set.union(*drawn.values())) == sum(map(len, drawn.values()))


def test_chance_of_copy_memory_is_blanks_and_guesses(copy_memory: Task) -> None:
    assert copy_memory.chances["cross_entropy"] == pytest.approx(10 * np.log(8) / 24, rel=0.02)
    assert copy_memory.chance == copy_memory.chances["accuracy"] == pytest.approx((14 + 10 / 8) / 24, abs=0.01)


def test_chance_is_confirmed_by_predictors_that_do_not_see_the_inputs(
    copy_memory: Task, scan: Task, tags: Task
) -> None:
    """One that knows the step, two that do not."""
    for task, known in ((copy_memory, True), (scan, False), (tags, False)):
        output: Any = task.output
        classes = len(output.labels) if isinstance(output, Tagging) else output.vocabulary_size
        places = 24 if known else 1
        counts = np.full((places, classes), 0.5)
        for _, targets in task.dataset("train").as_numpy_iterator():
            for place, target in ((t % places, row[t]) for row in targets for t in range(len(row))):
                counts[place, target] += target != output.padding
        metrics = output.metrics()
        for _, targets in task.test.as_numpy_iterator():
            logits = np.log(counts)[np.arange(targets.shape[1]) % places] + np.zeros((len(targets), 1, 1))
            for metric in metrics:
                metric.update_state(targets, logits)
        assert task.chances == pytest.approx({metric.name: float(metric.result()) for metric in metrics}, rel=1e-5)
        assert task.chance == task.chances[task.metric]


def test_scan(scan: Task) -> None:
    assert scan.inputs == Tokens(2 + 9, longest=9)
    assert scan.output == Translation(2 + 3 + 2, start=5, end=6, longest=8, label_smoothing=0.1)
    assert (scan.metric, scan.objective, scan.direction) == ("perplexity", "val_perplexity", "min")
    inputs, targets = scan.train.element_spec
    assert set(inputs) == {"source", "previous"}
    assert all(spec.dtype == "int32" and spec.shape.as_list() == [None, None] for spec in (*inputs.values(), targets))


def test_pairs_come_exactly_once_and_read_as_they_did(scan: Task) -> None:
    preprocessor: Any = scan.preprocessor
    output: Any = scan.output
    for split in SPLITS:
        raws = sorted(scan.raw(split, 100))
        pairs = []
        for inputs, targets in scan.dataset(split).as_numpy_iterator():
            np.testing.assert_array_equal(inputs["previous"], output.previous(targets))
            assert ((targets == output.end).sum(axis=1) == 1).all()
            texts = [answer["text"] for answer in output.decode(targets, preprocessor.target.decode)]
            sources = [preprocessor.source.tokeniser.decode(row) for row in inputs["source"]]
            pairs += list(zip(sources, texts, strict=True))
        unknown = "\ufffd"  # the test split has a word that train lacks
        assert sorted(pairs) == sorted((source.replace("ever", unknown), target) for source, target in raws)
    assert sum(map(scan.steps, SPLITS)) == 9 + 1 + 4


def test_pairs_share_a_batch_by_the_longer_of_both(scan: Task) -> None:
    longest = [max(inputs["source"].shape[1], targets.shape[1]) for inputs, targets in scan.test.as_numpy_iterator()]
    assert longest == sorted(longest)
    assert longest[0] < longest[-1]


def test_label_smoothing_changes_the_loss_and_not_the_cache(scan: Task, data_dir: str, cache_dir: Path) -> None:
    before = set((cache_dir / "tasks").iterdir())
    plain = load_task("scan", data_dir=data_dir, split="length", batch_size=4)
    assert set((cache_dir / "tasks").iterdir()) == before
    assert isinstance(plain.output, Translation)
    assert plain.output.label_smoothing == 0
    assert plain.chances == scan.chances


def test_ragged_labels_are_padded_by_their_marker(tags: Task) -> None:
    assert tags.inputs == Tokens(11)
    seen = 0
    for split in SPLITS:
        for tokens, targets in tags.dataset(split).as_numpy_iterator():
            assert tokens.shape == targets.shape
            unlabelled = (tokens == 0) | (np.arange(tokens.shape[1]) == 3)
            np.testing.assert_array_equal(targets, np.where(unlabelled, -1, tokens - 1 > 4))
            seen += len(tokens)
    assert seen == 350
    assert 0 < tags.summary()["padding"]["train"] < 0.1


def test_every_step_needs_a_label(data_dir: str) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(KeraseqError, match="train: every step needs a label; example 0 has 2 steps, 3 labels"),
    ):
        load_tags(patch, data_dir, "more_tags_than_steps")


def test_labels_that_do_not_exist_are_told(data_dir: str) -> None:
    with pytest.raises(KeraseqError, match=r"labels must be in 0 … 1, or -1 .*; example \d+ has \d … \d"):
        source.read(
            source.open_builder("tiny_tags", data_dir),
            name="tiny_tags",
            data_dir=data_dir,
            output=Tagging(("low", "high")),
            input_of=lambda example: example["x"],
            label_of=lambda example: example["x"],
            validation=0.1,
            seed=0,
        )


class Wrong:
    """A task whose targets are changed."""

    def __init__(self, task: Task, change: Any):
        self.task, self.change = task, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def dataset(self, split: str, **order: Any) -> Any:
        return self.task.dataset(split, **order).map(self.change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, keras.ops.maximum(y, 0)), "a target at padding is not -1"),
        (lambda x, y: (x, 0 * y - 1), "no target of a batch counts"),
        (lambda x, y: (x, y[:, 1:]), "targets are"),
    ],
    ids=["zero at padding", "nothing counts", "too few"],
)
def test_wrong_targets_of_steps_are_caught(tags: Task, change: Any, message: str) -> None:
    entry = registry.tasks.entry("copy_memory")
    check_targets(TaskCase(tags, entry))
    with pytest.raises(AssertionError, match=message):
        check_targets(TaskCase(Wrong(tags, change), entry))


def test_summaries_are_plain_data(copy_memory: Task, scan: Task, tags: Task) -> None:
    summary, pairs, ragged = (json.loads(json.dumps(task.summary())) for task in (copy_memory, scan, tags))
    assert summary["settings"]["length"] == 4
    assert summary["lengths"]["test"] == {"min": 24, "5%": 24, "50%": 24, "95%": 24, "max": 24}
    assert summary["chances"] == copy_memory.chances
    assert pairs["lengths"]["train"]["max"] == 6
    assert pairs["target_lengths"]["train"] == {"min": 2, "5%": 2, "50%": 5, "95%": 8, "max": 8}
    assert sum(ragged["balance"].values()) == pytest.approx(1)
    assert "balance" not in pairs
    assert 0 < pairs["padding"]["train"] < 0.5
    assert "target_lengths" not in ragged


def test_raw_examples_preprocess_to_the_same_inputs(copy_memory: Task) -> None:
    raws = copy_memory.raw("test", 32)
    restored = Preprocessor.from_json(json.loads(json.dumps(copy_memory.preprocessor.to_json())))
    inputs, targets = next(copy_memory.test.as_numpy_iterator())
    np.testing.assert_array_equal(restored.batch([raw for raw, _ in raws]), inputs)
    assert [target for _, target in raws] == targets.tolist()


@pytest.mark.parametrize("name", ["gru", "tcn"])
def test_a_model_learns_tags_and_predicts_them_on_raw_sequences(tags: Task, name: str, tmp_path: Path) -> None:
    model = keraseq.create_model(name, tags, parameters=3000, seed=0)
    result = keraseq.fit(model, tags, epochs=6, learning_rate=0.02, progress=False)
    assert result.score is not None
    assert result.score > 0.95 > tags.chance
    scores = model.evaluate(tags.test, return_dict=True, verbose=0)
    assert scores["accuracy"] > 0.95
    keraseq.save_model(model, tags, tmp_path)
    answers = keraseq.load_model(tmp_path).predict([[1, 9], [8], [0, 7, 2, 3, 6, 1]], batch_size=2)
    assert [answer["labels"] for answer in answers] == [
        ["low", "high"],
        ["high"],
        ["low", "high", "low", "low", "high", "low"],
    ]
    assert [len(answer["probabilities"]) for answer in answers] == [2, 1, 6]


def test_batches_decide_no_score(tags: Task) -> None:
    model = keraseq.create_model("gru", tags, units=4, seed=0)
    model.compile(loss=tags.output.loss(), metrics=tags.output.metrics())
    scores = []
    for size in (3, 8, 50):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tags, "config", type(tags.config)(batch_size=size))
            scores.append(model.evaluate(tags.test, return_dict=True, verbose=0))
    for found in scores:
        assert {name: found[name] for name in ("accuracy", "cross_entropy")} == pytest.approx(
            {name: scores[0][name] for name in ("accuracy", "cross_entropy")}, rel=1e-5
        )


def test_any_model_of_source_and_previous_trains_to_translate(scan: Task) -> None:
    """The inputs are what Keras takes as they are: embeddings, and no recurrence."""
    output: Any = scan.output
    given = {name: keras.Input((None,), dtype="int32", name=name) for name in ("source", "previous")}
    context = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(11, 16, mask_zero=True)(given["source"]))
    steps = keras.layers.Embedding(output.vocabulary_size, 16, mask_zero=True)(given["previous"])
    steps = keras.layers.Add()([steps, keras.layers.Reshape((1, 16))(context)])
    model = keras.Model(given, output.head(keras.layers.Dense(16, "relu")(steps)))
    result = keraseq.fit(model, scan, epochs=5, learning_rate=0.02, progress=False)
    assert result.score is not None
    assert result.score < scan.chance


def test_exact_match_is_of_whole_answers() -> None:
    assert exact_match(["a b", "c", "d"], ["a b", "c c", "D"]) == pytest.approx(1 / 3)
    with pytest.raises(UsageError, match="as many answers as right ones are wanted; got 1, 2"):
        exact_match(["a"], ["a", "b"])
    with pytest.raises(UsageError, match="got 0, 0"):
        exact_match([], [])


def test_what_fills_a_batch_is_not_scored(scan: Task, data_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scan, "source", "tiny_scan:1.0.0")
    static = load_task("scan", data_dir=data_dir, split="length", batch_size=4, label_smoothing=0.1, static_shapes=True)
    model = keraseq.create_model("gru", scan, units=4, seed=0)
    heard: list[tuple[list[str], list[str]]] = []
    monkeypatch.setattr("keraseq.tasks.score.exact_match", lambda *texts: heard.append(texts) or 0.0)
    found = []
    for task in (scan, static):
        model.compile(**task.measures)
        found.append(score(model, task))
    assert sorted(zip(*heard[0], strict=True)) == sorted(zip(*heard[1], strict=True))
    assert len(heard[1][0]) == 15
    assert found[0]["perplexity"] == pytest.approx(found[1]["perplexity"], rel=1e-4)
