"""Registered tasks whose data are seldom on a machine, on a few examples in the form of the TFDS data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds

from keraseq.errors import UsageError
from keraseq.inference.score import score
from keraseq.models import Classification, Features, Tagging, Translation
from keraseq.registry import tasks
from keraseq.tasks import Preprocessor, Task, load_task, task_config
from keraseq.tasks.preprocess import WordListPreprocessor
from keraseq.testing import check_task

WORDS = ("good", "bad", "fair", "new", "old", "red", "long", "small")


def phrase(i: int) -> str:
    """A text of its own for each number."""
    return " ".join(WORDS[i // 8**k % 8] for k in range(2 + i % 3)) + f" {i}"


def image(size: int, channels: int, i: int) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 256, (size, size, channels), np.uint8)


def labelled(text: str, classes: int) -> Any:
    return lambda i: {text: phrase(i), "label": i % classes}


def pair(first: str, second: str) -> Any:
    return lambda i: {first: phrase(i), second: phrase(i).upper()}


def hidden(i: int) -> dict[str, Any]:
    """An example of SST-2, of whose three splits the last, test, has no labels."""
    return {"sentence": phrase(i), "idx": i, "label": -1 if i >= 110 else i % 2}


def sentence(i: int) -> dict[str, Any]:
    """An example of CoNLL 2003; some have no words, as the last one of every split of TFDS."""
    words = ["Anna", *["May"] * (i % 3), "sang", "in", ("Rome", "Oslo")[i % 2], f"{i}"][: 0 if i % 20 == 9 else None]
    names = ["B-PER", *["I-PER"] * (i % 3), "O", "O", "B-LOC", "O"][: len(words)]
    return {"tokens": words, "pos": ["NN"] * len(words), "chunks": ["O"] * len(words), "ner": names}


EXAMPLES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "ag_news_subset": ("ag_news_subset", lambda i: labelled("description", 4)(i) | {"title": "any"}, {}),
    "sst2": ("glue/sst2", hidden, {}),
    "yelp_polarity_reviews": ("yelp_polarity_reviews", labelled("text", 2), {}),
    "fashion_mnist": ("fashion_mnist", lambda i: {"image": image(28, 1, i), "label": i % 10}, {"order": "row"}),
    "cifar10": ("cifar10", lambda i: {"id": str(i), "image": image(32, 3, i), "label": i % 10}, {}),
    "conll2003": ("conll2003", sentence, {}),
    "ted_hrlr_translate": ("ted_hrlr_translate/aztr_to_en", pair("az_tr", "en"), {"pair": "aztr_to_en"}),
    "wmt": ("wmt16_translate/ro-en", pair("ro", "en"), {"year": 16, "pair": "ro-en", "reverse": True}),
}
"""Task → TFDS name, from a number to an example, and settings."""
SPLITS = {"train": range(90), "validation": range(90, 110), "test": range(110, 130)}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """From the name of a task to the folder of its data, prepared once."""
    folder = tmp_path_factory.mktemp("tiny")

    def prepare(name: str) -> str:
        dataset, example, _ = EXAMPLES[name]
        builder = tfds.builder(dataset, data_dir=folder)
        splits = {split: ((i, example(i)) for i in numbers) for split, numbers in SPLITS.items()}
        with mock.patch.object(type(builder), "_split_generators", return_value=splits):
            builder.download_and_prepare()
        return str(folder)

    return prepare


def load(name: str, tiny: Any, **settings: Any) -> Task:
    return load_task(name, data_dir=tiny(name), batch_size=8, **EXAMPLES[name][2] | settings)


@pytest.mark.parametrize("name", EXAMPLES)
def test_conformance(name: str, tiny: Any) -> None:
    report = check_task(name, data_dir=tiny(name), batch_size=8, **EXAMPLES[name][2])
    assert report.not_run is None
    assert report.ran == 6


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_data_it_is_not_run(name: str, tmp_path: Path) -> None:
    report = check_task(name, data_dir=str(tmp_path), split_seed=9)
    assert report.ran == 0
    assert f"its data are not prepared in {tmp_path}; run: keraseq data prepare {name}" in str(report.not_run)


def test_settings_that_choose_the_data_are_told(tmp_path: Path) -> None:
    report = check_task("wmt", data_dir=str(tmp_path), year=16, pair="ro-en", batch_size=9)
    wanted = "keraseq data prepare wmt --set task.batch_size=9 --set task.pair=ro-en --set task.year=16"
    assert sorted(str(report.not_run).split("run: ")[1].split(" --")) == sorted(wanted.split(" --"))


def test_test_is_where_labels_are_known(tiny: Any) -> None:
    task = load("sst2", tiny)
    assert tasks.entry("glue/sst2").name == "sst2"
    assert task.summary()["examples"] == {"train": 81, "validation": 9, "test": 20}
    assert {text for text, _ in task.raw("test", 99)} == {phrase(i) for i in SPLITS["validation"]}


def test_news_are_read_without_their_title(tiny: Any) -> None:
    task = load("ag_news_subset", tiny)
    assert task.output == Classification(("World", "Sports", "Business", "Sci/Tech"))
    assert "any" not in " ".join(text for text, _ in task.raw("train", 99))


def test_grey_levels_of_a_photograph(tiny: Any) -> None:
    task = load("cifar10", tiny)
    assert isinstance(task.inputs, Features)
    assert (task.inputs.size, task.inputs.length) == (1, 1024)
    raw, _ = task.raw("test", 1)[0]
    wanted = np.round(raw.astype("float64") @ [0.299, 0.587, 0.114]).ravel()
    np.testing.assert_array_equal(task.preprocessor.batch([raw])[0, :, 0], wanted)
    colours = load("cifar10", tiny, grey=False)
    np.testing.assert_array_equal(colours.preprocessor.batch([raw])[0], raw.reshape(1024, 3))
    rows = load("cifar10", tiny, order="row")
    np.testing.assert_array_equal(rows.preprocessor.batch([raw])[0].ravel(), wanted)


def test_names_are_scored_by_spans(tiny: Any) -> None:
    """A model that goes by the word alone, and takes May for the beginning of a name."""
    pytest.importorskip("seqeval", reason="seqeval is not installed: pip install --use-pep517 'keraseq[spans]'")
    task = load("conll2003", tiny)
    assert task.summary()["examples"] == {"train": 85, "validation": 19, "test": 19}
    preprocessor, output = task.preprocessor, task.output
    assert isinstance(preprocessor, WordListPreprocessor)
    assert isinstance(output, Tagging)
    logits = np.zeros((preprocessor.spec.vocabulary_size, len(output.labels)), np.float32)
    for word, label in {"Anna": "B-PER", "May": "B-PER", "Rome": "B-LOC"}.items():
        (symbol,) = preprocessor.steps([[word]])[0]
        logits[symbol, output.labels.index(label)] = 1
    steps = keras.Input((None,), dtype="int32")
    model = keras.Model(steps, keras.layers.Embedding(*logits.shape, weights=[logits])(steps))
    model.compile(loss=output.loss(), metrics=output.metrics())
    sentences = [i for i in SPLITS["test"] if i % 20 != 9]
    right = sum((i % 3 == 0) + (i % 2 == 0) for i in sentences)  # Anna without May, and Rome
    found = sum(1 + i % 3 + (i % 2 == 0) for i in sentences)
    scores = score(model, task)
    assert scores["span_f1"] == pytest.approx(2 * right / (found + 2 * len(sentences)))
    assert scores["accuracy"] > scores["span_f1"]
    assert load("conll2003", tiny, label="pos").config.scores == ()


@pytest.mark.parametrize("lower_case", [False, True])
def test_capital_letters_tell_names(lower_case: bool, tiny: Any) -> None:
    preprocessor = load("conll2003", tiny, lower_case=lower_case).preprocessor
    first, second = preprocessor.batch([["May"], ["may"]])
    assert (first == second).all() == lower_case
    assert Preprocessor.from_json(preprocessor.to_json()).batch([["may"]]) == second


@pytest.mark.parametrize("name", ["ted_hrlr_translate", "wmt"])
def test_pairs_are_translated_in_both_directions(name: str, tiny: Any) -> None:
    settings = {"vocabulary_size": 300}
    task, other = (load(name, tiny, reverse=reverse, **settings) for reverse in (False, True))
    assert isinstance(task.output, Translation)
    assert task.config.scores == ("bleu",)
    lower, upper = task.raw("test", 1)[0]
    assert (lower.upper(), lower) == (upper, lower.lower())
    assert other.raw("test", 1)[0] == (upper, lower)
    for shared in (True, False):
        preprocessor: Any = load(name, tiny, shared_vocabulary=shared, **settings).preprocessor
        sides = preprocessor.source.tokeniser.decode, preprocessor.target.decode
        assert len({decode(np.arange(260, 300)) for decode in sides}) == (1 if shared else 2)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("wmt", {"year": 19}, "year must be one of 13, 14, 15, 16, 17, 18; got 19"),
        ("wmt", {"pair": "en-de"}, "pair must be one of cs-en, de-en, fr-en, hi-en, ru-en in year 14; got 'en-de'"),
        ("ted_hrlr_translate", {"pair": "en_to_pt"}, "pair must be one of 'az_to_en', 'aztr_to_en'"),
        ("ted_hrlr_translate", {"vocabulary_size": 100}, "vocabulary_size must be at least 258"),
        ("cifar10", {"order": "column"}, "order must be one of 'pixel', 'permuted', 'row'; got 'column'"),
    ],
)
def test_wrong_settings_are_told_without_data(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        task_config(name, settings)


@pytest.mark.parametrize("name", ["ted_hrlr_translate", "wmt"])
def test_every_pair_is_known_to_tfds(name: str, tmp_path: Path) -> None:
    from keraseq.tasks.source import open_builder
    from keraseq.tasks.ted_hrlr_translate import PAIRS
    from keraseq.tasks.wmt import TO_ENGLISH

    wmt = [{"year": year, "pair": f"{language}-en"} for year, known in TO_ENGLISH.items() for language in known.split()]
    for settings in wmt if name == "wmt" else [{"pair": pair} for pair in PAIRS]:
        config = task_config(name, settings)
        builder = open_builder(config.builder, str(tmp_path))
        assert config.languages == builder.info.supervised_keys  # type: ignore[attr-defined]
