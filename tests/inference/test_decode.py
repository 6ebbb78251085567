"""Greedy decoding by steps equals decoding by recomputation, token for token."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from keraseq.errors import UsageError
from keraseq.inference.decode import GreedyDecoder
from keraseq.models import Classification, Features, Tokens, Translation, create_model

START, END, LONGEST = 9, 10, 8
OUTPUT = Translation(vocabulary_size=11, start=START, end=END)
REVERSE = SimpleNamespace(inputs=Tokens(9), output=OUTPUT)


def sources(rows, seed):
    """Sequences of 2 to 6 symbols in 1 … 8, padded by 0, and each reversed, with its end."""
    rng = np.random.default_rng(seed)
    source, target = np.zeros((rows, 6), "int32"), np.zeros((rows, LONGEST), "int32")
    for i, length in enumerate(rng.integers(2, 7, rows)):
        source[i, :length] = rng.integers(1, 9, length)
        target[i, : length + 1] = [*source[i, :length][::-1], END]
    return source, target


def by_recomputation(model, source, max_length):
    """Greedy decoding that runs the whole model for every symbol."""
    previous, done = np.full((len(source), 1), START, "int32"), np.zeros(len(source), bool)
    written = []
    for _ in range(max_length):
        logits = ops.convert_to_numpy(model({"source": source, "previous": previous}))[:, -1]
        symbol = np.where(done, 0, 1 + logits[:, 1:].argmax(axis=-1)).astype("int32")
        done |= symbol == END
        written.append(symbol)
        previous = np.concatenate([previous, symbol[:, None]], axis=1)
    return np.stack(written, axis=1)


def train(model, steps):
    model.compile(keras.optimizers.Adam(5e-3), OUTPUT.loss())
    for step in range(steps):
        source, target = sources(64, seed=step)
        model.train_on_batch({"source": source, "previous": OUTPUT.previous(target)}, target)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lstm", {"cross_attention": "additive", "layers": 2}),
        ("gru", {"cross_attention": "multiplicative", "tied_embeddings": False}),
        ("tcn", {"levels": 3}),
        ("transformer", {}),
        ("s4d", {}),
        ("lstm", {"encoder": "transformer"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_steps_write_what_recomputation_writes(name, settings):
    model = create_model(name, REVERSE, seed=0, dropout=0.1, **settings)
    train(model, 30)
    source, _ = sources(16, seed=1000)
    written = GreedyDecoder(model, START, END, LONGEST)(source)
    np.testing.assert_array_equal(written, by_recomputation(model, source, LONGEST))
    assert len(np.unique(written)) > 4  # else nothing was tested


def test_a_trained_model_reverses_what_it_has_not_seen():
    model = create_model("gru", REVERSE, seed=0, dropout=0.0)
    train(model, 500)
    source, target = sources(200, seed=1_000_000)
    written = GreedyDecoder(model, START, END, LONGEST)(source)
    assert (written == target).all(axis=1).mean() > 0.9


def test_what_is_learned_later_is_seen():
    model = create_model("gru", REVERSE, seed=0, units=16)
    decoder = GreedyDecoder(model, START, END, LONGEST)
    source, _ = sources(16, seed=3)
    before = decoder(source)
    train(model, 30)
    np.testing.assert_array_equal(decoder(source), by_recomputation(model, source, LONGEST))
    assert not np.array_equal(before, decoder(source))


def test_features_are_a_source_too():
    task = SimpleNamespace(inputs=Features(3), output=OUTPUT)
    model = create_model("lstm", task, seed=0, units=8)
    rng = np.random.default_rng(0)
    mask = np.array([[True] * 5, [True, True, False, False, False]])
    values = rng.normal(size=(2, 5, 3)).astype("float32")
    decoder = GreedyDecoder(model, START, END, 4)
    written = decoder({"values": values, "mask": mask})
    assert written.shape == (2, 4)
    junk = np.where(mask[..., None], values, 100).astype("float32")
    np.testing.assert_array_equal(written, decoder({"values": junk, "mask": mask}))


def test_bad_use_is_refused():
    model = create_model("gru", SimpleNamespace(inputs=Tokens(9), output=Classification(("a", "b"))))
    with pytest.raises(UsageError, match="'gru' is no encoder–decoder"):
        GreedyDecoder(model, START, END, 4)
    with pytest.raises(UsageError, match="max_length must be at least 1; got 0"):
        GreedyDecoder(create_model("gru", REVERSE), START, END, 0)
