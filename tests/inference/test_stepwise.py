"""Whole models step by step: tokens, masked features, residual graphs, and what cannot be run so."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import layers
from keraseq.errors import UsageError
from keraseq.inference.stepwise import Stepwise
from keraseq.models import Classification, Features, Tagging, Tokens, create_model

TAGS = Tagging(("a", "b", "c"))
CUTS = ((0, 2), (2, 3), (3, 9))


def in_pieces(model, x):
    stepwise = Stepwise(model)
    state = stepwise.initial_state(2)
    outputs = []
    for start, end in CUTS:
        y, state = stepwise.stream(keras.tree.map_structure(lambda part, a=start, b=end: part[:, a:b], x), state)
        outputs.append(ops.convert_to_numpy(y))
    return np.concatenate(outputs, axis=1)


@pytest.mark.parametrize("name", ["gru", "tcn", "transformer", "s4d", "mamba"])
def test_tokens_with_padding_anywhere(name):
    settings = {"causal": True} if name == "transformer" else {}
    model = create_model(name, SimpleNamespace(inputs=Tokens(12), output=TAGS), seed=0, **settings)
    tokens = np.random.default_rng(0).integers(1, 12, (2, 9))
    tokens[0, 3:5] = 0
    tokens[1, :2] = 0
    difference = np.abs(in_pieces(model, tokens) - ops.convert_to_numpy(model(tokens)))
    assert difference[tokens > 0].max() < 1e-5


@pytest.mark.parametrize("name", ["lstm", "lru"])
def test_features_with_a_mask(name):
    inputs = Features(3, mean=(0.0, 0.5, 1.0), deviation=(1.0, 2.0, 0.5))
    model = create_model(name, SimpleNamespace(inputs=inputs, output=TAGS), seed=0)
    values = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    mask = np.array([[1, 1, 1, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 0, 0]], bool)
    x = {"values": values, "mask": mask}
    difference = np.abs(in_pieces(model, x) - ops.convert_to_numpy(model(x)))
    assert difference[mask].max() < 1e-5


def test_steps_are_steps():
    model = create_model("gru", SimpleNamespace(inputs=Tokens(12), output=TAGS), seed=0)
    tokens = np.array([[3, 1, 4]])
    stepwise = Stepwise(model)
    state = stepwise.initial_state(1)
    for t in range(3):
        y, state = stepwise.step(tokens[:, t], state)
        np.testing.assert_allclose(y, model(tokens)[:, t], atol=1e-6)


def test_who_looks_ahead_is_refused():
    ahead = create_model("gru", SimpleNamespace(inputs=Tokens(12), output=TAGS), bidirectional=True)
    with pytest.raises(UsageError, match=r"'bidirectional_0' cannot run step by step"):
        Stepwise(ahead)
    pooled = create_model("gru", SimpleNamespace(inputs=Tokens(12), output=Classification(("a", "b"))))
    with pytest.raises(UsageError, match="Pooling 'pooling' cannot run step by step"):
        Stepwise(pooled)
    x = keras.Input((None, 3))
    with pytest.raises(UsageError, match=r"Flip 'flip.*' cannot run step by step"):
        Stepwise(keras.Model(x, layers.GRU(2)(ops.flip(x, axis=1))))
    x = keras.Input((5, 3))
    over_time = keras.Model(x, keras.layers.LayerNormalization(axis=1, name="over_time")(x))
    with pytest.raises(UsageError, match=r"LayerNormalization 'over_time' cannot run step by step"):
        Stepwise(over_time)
