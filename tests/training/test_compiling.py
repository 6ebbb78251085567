"""Whether XLA takes part in a training is measured, and kept."""

import json
import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keraseq
from keraseq.models import Tokens
from keraseq.training import compiling
from keraseq.training.compiling import WORTH_MEASURING, chosen
from keraseq.training.settings import Training


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path))
    return tmp_path / "compiling"


@pytest.fixture
def model(digits):
    return keraseq.create_model("gru", digits, units=4, seed=0)


def told(plain, xla):
    """A measurement that gives these, `(seconds of compiling, seconds of a step)`."""
    return lambda model, task, training, with_xla: dict(zip(("start", "step"), xla if with_xla else plain, strict=True))


@pytest.mark.parametrize(("steps", "expected"), [(2_000, False), (9_000, False), (11_000, True)])
def test_what_ends_sooner_is_taken(model, digits, cache, monkeypatch, steps, expected):
    monkeypatch.setattr(compiling, "_measured", told((1.0, 0.003), (11.0, 0.002)))
    assert chosen(model, digits, Training(), steps) is expected


def test_short_trainings_and_lengths_that_change_are_not_measured(model, digits, cache):
    assert not chosen(model, digits, Training(), WORTH_MEASURING - 1)
    words = SimpleNamespace(inputs=Tokens(9), output=digits.output, config=digits.config)
    assert not chosen(keraseq.create_model("linear", words), words, Training(), 10 * WORTH_MEASURING)
    assert not cache.exists()


def test_the_first_steps_of_a_copy_are_measured_once(model, digits, cache, monkeypatch):
    before = model.get_weights()
    found = chosen(model, digits, Training(), WORTH_MEASURING)
    (kept,) = cache.iterdir()
    times = json.loads(kept.read_text())
    assert set(times) == {"False", "True"}
    assert all(value > 0 for time in times.values() for value in time.values())
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    monkeypatch.setattr(compiling, "_measured", None)
    assert chosen(keraseq.create_model("gru", digits, units=4, seed=1), digits, Training(), WORTH_MEASURING) is found


def test_measuring_changes_no_result(digits, cache, monkeypatch):
    def trained():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((64, 1))
        unseeded = keras.layers.Dropout(0.5)(keras.layers.Flatten()(inputs))
        model = keras.Model(inputs, digits.output.head(unseeded))
        drawn = []
        draws = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: drawn.append(random.random()))
        history = keraseq.fit(model, digits, seed=0, epochs=2, callbacks=[draws], progress=False).history
        return history, drawn

    expected = trained()
    monkeypatch.setattr(compiling, "WORTH_MEASURING", 1)
    monkeypatch.setattr(compiling, "first_steps", measured_as_slow(compiling.first_steps))
    assert trained() == expected


def measured_as_slow(measure):
    """Takes the steps, and says that XLA took ever so long."""

    def slow(trained, *args):
        timer = measure(trained, *args)
        timer.ends = [end * (1e3 if trained.jit_compile else 1.0) for end in timer.ends]
        return timer

    return slow


def test_a_resumed_training_keeps_its_choice(digits, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "WORTH_MEASURING", 1)
    monkeypatch.setattr(compiling, "_measured", told((1.0, 0.1), (1.0, 0.01)))
    settings = {"directory": tmp_path / "run", "progress": False}
    first = keraseq.create_model("linear", digits, seed=0)
    assert keraseq.fit(first, digits, epochs=2, **settings).jit_compile
    for kept in cache.iterdir():
        kept.unlink()
    monkeypatch.setattr(compiling, "_measured", told((1.0, 0.01), (1.0, 0.1)))
    again = keraseq.create_model("linear", digits, seed=0)
    assert keraseq.fit(again, digits, epochs=2, resume=True, **settings).jit_compile
