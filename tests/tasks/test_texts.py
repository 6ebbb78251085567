"""Texts that are read one after another, and language modelling tasks over them."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keraseq.errors import KeraseqError
from keraseq.tasks import load_task, source, task_config
from keraseq.tasks.texts import Texts

SENTENCES = [f"sentence {i} of some , with é" for i in range(2_500)]


class TinySentences(tfds.core.GeneratorBasedBuilder):
    """As lm1b: no validation split."""

    VERSION = tfds.core.Version("1.0.0")
    splits = {"train": SENTENCES, "test": SENTENCES[:40]}  # noqa: RUF012 (as TFDS declares such)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"text": tfds.features.Text()}),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(texts) for split, texts in self.splits.items()}

    def _generate_examples(self, texts):
        for index, text in enumerate(texts):
            yield index, {"text": text}


class TinyUntested(TinySentences):
    splits = {"train": SENTENCES[:9]}  # noqa: RUF012


@pytest.fixture(scope="module")
def tiny_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def lm1b(monkeypatch, tiny_dir):
    """`lm1b` over tiny data of its form."""
    _of(monkeypatch, "tiny_sentences", tiny_dir)
    return {"name": "lm1b", "data_dir": tiny_dir, "vocabulary_size": 300, "length": 16, "context": 4}


def _of(monkeypatch, name, data_dir):
    builder = source.open_builder(name, data_dir)
    monkeypatch.setattr("keraseq.tasks.texts.open_builder", lambda name, data_dir: builder)


def test_all_texts_are_one_stream_and_validation_is_the_end_of_train(lm1b):
    task = load_task(**lm1b, validation=0.002)
    read = task.preprocessor.tokeniser.decode
    streams = {split: examples.inputs.values for split, examples in task._examples.items()}
    wanted = {"train": SENTENCES[:-5], "validation": SENTENCES[-5:], "test": SENTENCES[:40]}
    for split, texts in wanted.items():
        whole = np.append(streams[split], task._examples[split].targets.values[-1])
        assert read(whole) == "".join(text + "\n" for text in texts)
    assert isinstance(streams["train"], np.memmap)
    assert task.summary()["padding"]["train"] == 0


def test_texts_come_anew_and_only_as_many_as_are_asked_for(lm1b, monkeypatch):
    task = load_task(**lm1b)
    assert task.raw("train", 2) == [(text, text) for text in SENTENCES[:2]]
    texts = task.config.read(lm1b["data_dir"]).splits["test"].inputs
    assert isinstance(texts, Texts)
    assert (len(texts), texts[3], texts[1:3]) == (40, SENTENCES[3], SENTENCES[1:3])
    assert list(texts) == list(texts) == SENTENCES[:40]


def test_the_vocabulary_is_learned_from_the_first_texts(lm1b, monkeypatch):
    from keraseq.tasks.lm1b import LM1B

    monkeypatch.setattr(LM1B, "fitted_on", 3)
    task = load_task(**(lm1b | {"vocabulary_size": 400, "data_dir": lm1b["data_dir"]}), tokeniser="whitespace")
    known = json.dumps(task.preprocessor.to_json())
    assert '"2"' in known
    assert '"3"' not in known


def test_a_data_set_without_test_is_refused(monkeypatch, tiny_dir):
    _of(monkeypatch, "tiny_untested", tiny_dir)
    with pytest.raises(KeraseqError, match="needs the splits 'train' and 'test'; the data set has train"):
        load_task("lm1b", data_dir=tiny_dir, length=17, context=0)


def test_a_language_is_a_configuration():
    assert task_config("wiki40b", {"language": "de"}).builder == "wiki40b/de:1.3.0"
