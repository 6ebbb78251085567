"""Encoder–decoders: which halves settings make, and what they compute."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import layers
from keraseq.errors import UsageError
from keraseq.models import EncoderDecoder, Features, Tokens, Translation, count_parameters, create_model, resolve

OUTPUT = Translation(vocabulary_size=12, start=10, end=11)
TASK = SimpleNamespace(inputs=Tokens(9), output=OUTPUT)
BATCH = {
    "source": np.array([[3, 1, 4, 1, 5], [2, 7, 0, 0, 0]]),
    "previous": np.array([[10, 6, 5, 3], [10, 1, 0, 0]]),
}


def run(model, **changed):
    return ops.convert_to_numpy(model({**BATCH, **changed}))


def test_one_family_is_both_halves_each_in_its_direction():
    pair = resolve("lstm", TASK, config={"units": 24, "layers": 2, "cross_attention": "additive"})
    assert isinstance(pair, EncoderDecoder)
    assert (pair.encoder.bidirectional, pair.decoder.bidirectional) == (True, False)
    assert (pair.encoder.units, pair.decoder.units, pair.decoder.layers) == (24, 24, 2)
    assert pair.link.cross_attention == "additive"


def test_the_halves_may_be_of_different_families():
    by_name = resolve("lstm", TASK, config={"units": 24, "encoder": "transformer"})
    assert (type(by_name.encoder).__name__, by_name.encoder.units) == ("Transformer", 24)
    assert type(by_name.decoder).__name__ == "LSTM"
    given = {"encoder": {"family": "transformer", "units": 32, "layers": 1}, "decoder": "lstm"}
    assert resolve("lstm", TASK, config=given).encoder.layers == 1
    text = {"encoder": '{"family": "transformer", "units": 32, "layers": 1}'}  # from a command line
    assert resolve("lstm", TASK, config=text) == resolve("lstm", TASK, config=given)


@pytest.mark.parametrize("name", ["lstm", "tcn", "transformer"])
def test_settings_make_the_same_again(name):
    pair = resolve(name, TASK, config={"cross_attention": "multiplicative", "encoder": "gru"})
    assert resolve(name, TASK, config=pair.settings()) == pair


def test_the_size_is_solved_for():
    model = create_model("gru", TASK, parameters=40_000)
    assert abs(count_parameters(model) - 40_000) <= 2_000


@pytest.mark.parametrize("attention", ["multi_head", "multiplicative", "additive"])
def test_the_decoder_reads_the_source_and_never_what_it_has_yet_to_write(attention):
    model = create_model("gru", TASK, seed=0, units=8, cross_attention=attention)
    before = run(model)
    assert before.shape == (2, 4, 12)
    other_end = run(model, previous=np.array([[10, 6, 7, 8], [10, 1, 0, 0]]))
    np.testing.assert_allclose(other_end[:, :2], before[:, :2], atol=1e-6)
    assert np.abs(other_end[0, 2:] - before[0, 2:]).max() > 1e-4
    other_source = run(model, source=np.array([[3, 1, 4, 1, 6], [2, 7, 0, 0, 0]]))
    assert np.abs(other_source[0] - before[0]).max() > 1e-5
    np.testing.assert_allclose(other_source[1], before[1], atol=1e-6)


def test_padding_of_the_source_changes_nothing():
    model = create_model("transformer", TASK, seed=0, units=8)
    longer = np.pad(BATCH["source"], ((0, 0), (0, 3)))
    np.testing.assert_allclose(run(model, source=longer), run(model), atol=1e-5)


def test_tied_embeddings_share_the_matrix():
    tied = create_model("gru", TASK, units=8)
    free = create_model("gru", TASK, units=8, tied_embeddings=False)
    assert count_parameters(free) - count_parameters(tied) == 8 * 12 + 12  # the projection and its bias


def test_a_model_is_saved_and_loaded(tmp_path):
    layers.import_all()
    model = create_model("gru", TASK, seed=0, units=8, encoder="tcn", scheduled_sampling=0.3)
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(run(keras.saving.load_model(tmp_path / "model.keras")), run(model), atol=1e-6)


def test_features_are_encoded():
    task = SimpleNamespace(inputs=Features(3), output=OUTPUT)
    model = create_model("lstm", task, seed=0, units=8)
    values = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    mask = np.arange(5) < np.array([[5], [2]])
    logits = model({"source": {"values": values, "mask": mask}, "previous": BATCH["previous"]})
    assert tuple(logits.shape) == (2, 4, 12)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("cnn", {}, "CNN looks ahead and cannot run step by step; choose a family that is causal"),
        ("lstm", {"decoder": "cnn"}, "CNN looks ahead"),
        ("lstm", {"encoder": "lsmt"}, "no model named 'lsmt'; did you mean 'lstm'"),
        ("lstm", {"encoder": {"layers": 2}}, "encoder must be the name of a family, or a dictionary"),
        ("lstm", {"cross_attention": "dot"}, "cross_attention must be one of multi_head, multiplicative, additive"),
        ("lstm", {"scheduled_sampling": 2.0}, r"scheduled_sampling must be in \[0, 1\]; got 2"),
        ("tcn", {"scheduled_sampling": 0.5}, "scheduled_sampling is for recurrent decoders; got decoder 'tcn'"),
        ("lstm", {"unit": 3}, "no setting named 'unit'"),
    ],
)
def test_bad_settings_are_refused(name, settings, message):
    with pytest.raises(UsageError, match=message):
        create_model(name, TASK, **settings)


def test_settings_of_a_pair_are_refused_where_nothing_is_translated():
    from keraseq.models import Classification

    with pytest.raises(UsageError, match="encoder"):
        create_model("lstm", SimpleNamespace(inputs=Tokens(9), output=Classification(("a", "b"))), encoder="tcn")


def sampled(share, training, steps=1, calls=1):
    keras.utils.set_random_seed(0)
    layer = layers.ScheduledSampling(share, steps)
    previous = np.tile(np.array([[10, 1, 2, 3, 0]]), (200, 1))
    logits = np.full((200, 5, 12), -1e9, "float32")
    logits[:, :, 7] = 0.0  # all predictions are symbol 7
    for _ in range(calls):
        drawn = layer([previous, logits], training=training)
    return ops.convert_to_numpy(drawn)


def test_scheduled_sampling_replaces_true_symbols_in_training_alone():
    assert (sampled(1.0, training=True) == [10, 7, 7, 7, 0]).all()
    assert (sampled(1.0, training=False) == [10, 1, 2, 3, 0]).all()
    assert (sampled(0.0, training=True) == [10, 1, 2, 3, 0]).all()
    assert 0.2 < (sampled(0.3, training=True)[:, 1:4] == 7).mean() < 0.4


def test_the_share_rises_with_the_steps():
    assert 0.15 < (sampled(1.0, training=True, steps=4)[:, 1:4] == 7).mean() < 0.35
    assert (sampled(1.0, training=True, steps=4, calls=4)[:, 1:4] == 7).all()


def test_scheduled_sampling_trains():
    model = create_model("gru", TASK, seed=0, units=8, scheduled_sampling=0.5, sampling_steps=1)
    model.compile("adam", OUTPUT.loss(), jit_compile=True)
    targets = np.array([[6, 5, 3, 11], [1, 11, 0, 0]])
    losses = [float(model.train_on_batch(BATCH, targets)) for _ in range(40)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_label_smoothing_is_of_the_loss_alone():
    smooth = Translation(vocabulary_size=12, start=10, end=11, label_smoothing=0.1)
    targets, logits = np.array([[6, 11]]), np.random.default_rng(0).normal(size=(1, 2, 12)).astype("float32")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    q = 0.9 * np.eye(12)[targets] + 0.1 / 12
    np.testing.assert_allclose(smooth.loss()(targets, logits), -(q * log_p).sum(-1).mean(), rtol=1e-5)
