"""From a name and a task to a model."""

import logging
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keraseq.config import settings_of
from keraseq.errors import KeraseqError, UsageError
from keraseq.models import (
    Classification,
    Features,
    Regression,
    Tokens,
    build,
    count_parameters,
    create_model,
    resolve,
)
from keraseq.registry import models

TEXT = SimpleNamespace(inputs=Tokens(50), output=Classification(("no", "yes")))
PIXELS = SimpleNamespace(inputs=Features(1, length=784), output=Classification(tuple("0123456789")))


def test_temporal_convolutional_network_of_the_paper() -> None:
    """Bai et al. 2018 report 70 K parameters for sequential MNIST; their code gives 66,910."""
    model = create_model("tcn", PIXELS, filters=25, kernel_size=7, levels=8)
    assert count_parameters(model) == 66_910
    assert resolve("tcn", PIXELS, None, {"kernel_size": 7, "levels": 8}).receptive_field == 3061


@pytest.mark.parametrize(("name", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_size_of_recurrent_networks(name, gates) -> None:
    model = create_model(name, PIXELS, units=10)
    candidate_bias = 10 if name == "gru" else 0
    assert count_parameters(model) == gates * 10 * (1 + 10 + 1) + candidate_bias + 10 * 10 + 10


def test_names_are_stable() -> None:
    model = create_model("temporal_convolutional_network", TEXT, levels=2)
    assert model.name == "tcn"
    names = [layer.name for layer in model.layers]
    assert names == ["tokens", "embedding", "embedding_dropout", "block_0", "block_1", "pooling", "logits"]


def test_tokens_are_embedded_in_the_width() -> None:
    assert create_model("cnn", TEXT, filters=24).get_layer("embedding").output_dim == 24


@pytest.mark.parametrize("name", models.names())
def test_one_dropout_reaches_tokens_and_blocks(name) -> None:
    model = create_model(name, TEXT, dropout=0.0, seed=0)
    x = np.random.default_rng(0).integers(1, 50, (3, 9))
    np.testing.assert_allclose(model(x, training=True), model(x, training=False), atol=1e-6)
    dropping = create_model(name, TEXT, dropout=0.5, seed=0)
    assert not np.allclose(dropping(x, training=True), dropping(x, training=False))


def test_features_are_standardised_within_the_model() -> None:
    inputs = Features(2, length=5, mean=(3.0, -1.0), deviation=(2.0, 0.5))
    task = SimpleNamespace(inputs=inputs, output=Regression())
    plain = SimpleNamespace(inputs=Features(2, length=5), output=Regression())
    model, reference = (create_model("gru", t, seed=0) for t in (task, plain))
    x = np.random.default_rng(0).normal(size=(2, 5, 2)).astype("float32")
    np.testing.assert_allclose(model(3 * x), reference((3 * x - [3, -1]) / [2, 0.5]), atol=1e-5)


def test_inner_padding_of_tokens_is_skipped_by_recurrence() -> None:
    model = create_model("lstm", TEXT, seed=0, bidirectional=True)
    np.testing.assert_allclose(model(np.array([[0, 4, 0, 0, 7, 9, 0]])), model(np.array([[4, 7, 9]])), atol=1e-5)


def test_resolve_gives_what_create_model_builds() -> None:
    family = resolve("gru", TEXT, 20_000, {"layers": "2"})
    assert settings_of(family)["layers"] == 2
    model = create_model("gru", TEXT, parameters=20_000, layers=2)
    assert count_parameters(model) == count_parameters(build(family, TEXT.inputs, TEXT.output))
    assert abs(count_parameters(model) - 20_000) < 1_000
    assert family == resolve("gru", TEXT, None, settings_of(family))


def test_seed_fixes_dropout_too() -> None:
    x = np.random.default_rng(0).integers(1, 50, (3, 9))
    first, again = (np.array(create_model("transformer", TEXT, seed=3)(x, training=True)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_seed_holds_where_the_width_is_solved_for() -> None:
    first, again = (create_model("rnn", TEXT, parameters=7_000, seed=0) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))


def test_a_coarse_width_is_reported(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        model = create_model("tcn", TEXT, parameters=300, kernel_size=7)
    reached = count_parameters(model)
    assert abs(reached - 300) > 15
    assert f"no filters gives 300 parameters to within 5 %; the nearest, 1, gives {reached}" in caplog.text


def test_a_width_that_changes_nothing_is_reported(monkeypatch) -> None:
    monkeypatch.setattr(type(resolve("linear", TEXT)), "channels", 1)
    monkeypatch.setattr(type(resolve("linear", TEXT)), "backbone", lambda self, x: x)
    with pytest.raises(KeraseqError, match="units = 2 and 4 both give 54 parameters; 123456 cannot be reached"):
        create_model("linear", TEXT, parameters=123_456)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("gruu", {}, "no model named 'gruu'; did you mean 'gru'"),
        ("gru", {"unit": 3}, "model 'gru': no setting named 'unit'; did you mean 'units'"),
        ("gru", {"units": 0}, "units must be at least 1; got 0"),
        ("gru", {"layers": 0}, "layers must be at least 1; got 0"),
        ("gru", {"dropout": 1.0}, r"dropout must be in \[0, 1\); got 1.0"),
        ("cnn", {"kernel_size": 0}, "kernel_size must be at least 1; got 0"),
        ("tcn", {"pooling": "first"}, "pooling must be one of mean, max, last; got 'first'"),
        ("transformer", {"positions": "nowhere"}, "positions must be one of sinusoidal, learned, .*; got 'nowhere'"),
        (
            "lstm",
            {"units": 8, "parameters": 9_000},
            "give parameters or units, not both; got parameters=9000 and units=8",
        ),
        ("linear", {"parameters": 10}, "parameters must be at least 54, the smallest Linear"),
    ],
)
def test_wrong_settings_are_refused(name, settings, message) -> None:
    with pytest.raises(UsageError, match=message):
        create_model(name, TEXT, **settings)


def test_mixed_precision_keeps_logits_in_full() -> None:
    before = keras.config.dtype_policy()
    model = create_model("transformer", TEXT, precision="mixed_bfloat16")
    assert keras.config.dtype_policy() == before
    y = model(np.ones((2, 3), "int32"))
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    assert keras.backend.standardize_dtype(model.get_layer("block_1").output.dtype) == "bfloat16"


@pytest.mark.parametrize("inputs", [Tokens(50, longest=2000), Features(1, length=2000)])
def test_learned_positions_that_are_too_few_are_refused_before_training(inputs) -> None:
    task = SimpleNamespace(inputs=inputs, output=TEXT.output)
    with pytest.raises(UsageError, match=r"reach 1024 steps \(max_length\), but the task has up to 2000"):
        create_model("transformer", task, positions="learned")
    create_model("transformer", task, positions="learned", max_length=2000, units=8, layers=1)
    create_model("transformer", task, positions="rotary", units=8, layers=1)
