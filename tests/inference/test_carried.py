"""Models whose state goes on from batch to batch."""

import keras
import numpy as np
import pytest

import keraseq
from keraseq.errors import UsageError
from keraseq.inference.carried import Carried
from keraseq.inference.score import score
from keraseq.models import LanguageModelling, Tokens
from keraseq.tasks import load_task
from keraseq.tasks.source import Data, Raw
from keraseq.tasks.tiny_shakespeare import TinyShakespeare


class Asked:
    inputs = Tokens(9, longest=8)
    output = LanguageModelling(9, "character")


def tokens(rows, steps):
    return np.random.default_rng(0).integers(1, 9, (rows, steps), dtype=np.int32)


@pytest.mark.parametrize("family", ["gru", "tcn", "s4d"])
def test_pieces_are_the_whole_until_it_is_reset(family):
    model = keraseq.create_model(family, Asked, seed=0)
    carried, x = Carried(model, 3), tokens(3, 20)
    pieces = [carried(x[:, i : i + 5]) for i in range(0, 20, 5)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), model(x), atol=1e-5)
    again = np.asarray(carried(x[:, :5]))
    assert np.abs(again - pieces[0]).max() > 1e-3
    carried.reset()
    np.testing.assert_allclose(carried(x[:, :5]), pieces[0], atol=1e-6)


@pytest.mark.parametrize(("family", "message"), [("transformer", "state .* grows with every step"), ("cnn", "looks")])
def test_who_cannot_carry_is_refused(family, message):
    with pytest.raises(UsageError, match=message):
        Carried(keraseq.create_model(family, Asked, seed=0), 2)


@pytest.fixture
def remembering(monkeypatch, tmp_path):
    """Patterns of 3 signs, 8 times each: of a window of 4, the first signs follow from the window before alone."""
    random = np.random.default_rng(0)
    texts = {
        split: "".join("".join(pattern) * 8 for pattern in random.choice(list("abcdefgh"), (count, 3)))
        for split, count in (("train", 400), ("validation", 60), ("test", 60))
    }

    def read(self, data_dir):
        return Data({split: Raw([text], [text]) for split, text in texts.items()}, None, {"source": "here"})

    monkeypatch.setattr(TinyShakespeare, "read", read)
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path))
    return load_task("tiny_shakespeare", length=4, batch_size=32, carry=True)


def test_training_carries_on_and_evaluation_starts_anew(remembering):
    task = remembering
    model = keraseq.create_model("tcn", task, filters=32, levels=2, kernel_size=3, dropout=0.0, seed=0)
    result = keraseq.fit(model, task, epochs=4, learning_rate=0.02, progress=False)
    assert result.score < 1  # of 3, where nothing is known
    test = score(model, task)
    assert test == score(model, task), "state was left from the evaluation before"
    plain = load_task("tiny_shakespeare", length=4, batch_size=32, context=0)
    model.compile(**plain.measures)
    assert score(model, plain)["bits_per_character"] > test["bits_per_character"] + 0.1


def test_the_state_goes_on_where_a_training_is_resumed(remembering, tmp_path):
    def train(folder, stop=None):
        def interrupt(batch, logs):
            if batch == stop:
                raise RuntimeError

        model = keraseq.create_model("gru", remembering, units=8, dropout=0.2, seed=0)
        settings = {"epochs": 1, "resume": True, "checkpoint_seconds": 0, "progress": False, "directory": folder}
        callback = keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)
        return keraseq.fit(model, remembering, callbacks=[callback], **settings).history, model.get_weights()

    expected, weights = train(tmp_path / "untouched")
    with pytest.raises(RuntimeError):
        train(tmp_path / "stopped", stop=3)
    history, resumed = train(tmp_path / "stopped")
    assert history == expected
    assert all(np.array_equal(a, b) for a, b in zip(weights, resumed, strict=True))


def test_the_gradient_stops_where_a_batch_begins():
    model = keraseq.create_model("gru", Asked, units=4, seed=0)
    carried = Carried(model, 2)
    carried.compile("sgd", loss=Asked.output.loss(), jit_compile=False)
    weights = len(carried.trainable_variables)
    assert weights == len(model.trainable_variables)
    x = tokens(2, 6)
    carried.train_on_batch(x[:, :5], x[:, 1:])
    assert all(not variable.trainable for variable in carried.state)
    assert isinstance(carried.resetting(), keras.callbacks.Callback)
