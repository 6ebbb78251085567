"""Settings that cannot have an effect are refused, and solving for a width leaves random numbers alone."""

import random

import keras
import numpy as np
import pytest

from keraseq import create_model
from keraseq.errors import UsageError
from keraseq.models import Classification, Features, LanguageModelling, Tagging, Tokens, Translation, resolve
from keraseq.testing.models.case import Asked

LABELS = Asked(Tokens(11), Classification(("a", "b")))
TAGS = Asked(Tokens(11), Tagging(("a", "b")))
LANGUAGE = Asked(Tokens(11), LanguageModelling(11))
TRANSLATION = Asked(Tokens(11), Translation(9, start=1, end=2, longest=300))


@pytest.mark.parametrize(
    ("asked", "settings", "message"),
    [
        (TAGS, {"pooling": "max"}, "pooling='max' has no effect on tagging; leave it out"),
        (TRANSLATION, {"bidirectional": True}, "bidirectional=True has no effect on translation; leave it out"),
        (LANGUAGE, {"bidirectional": True}, "bidirectional=True has no effect on language_modelling; leave it out"),
        (
            TRANSLATION,
            {"encoder": {"family": "transformer", "units": 8}, "parameters": 20_000},
            "give parameters or the units of the encoder, not both",
        ),
        (
            TRANSLATION,
            {"decoder": {"family": "transformer", "positions": "learned", "max_length": 200}},
            r"learned positions reach 200 steps \(max_length\), but the task has up to 300",
        ),
    ],
)
def test_what_cannot_be_is_refused(asked, settings, message):
    with pytest.raises(UsageError, match=message):
        create_model("gru", asked, **settings)


@pytest.mark.parametrize("name", ["gru", "transformer", "conformer", "tcn", "mamba", "linear"])
@pytest.mark.parametrize("asked", [TAGS, LANGUAGE, LABELS])
def test_resolved_settings_make_the_same_model_again(name, asked):
    family = resolve(name, asked)
    assert resolve(name, asked, config=family.settings()) == family
    assert family.is_causal() or not asked.output.causal


def test_a_family_that_looks_ahead_models_no_language():
    with pytest.raises(UsageError, match="CNN looks ahead and cannot run step by step; choose a family"):
        create_model("cnn", LANGUAGE)


def test_an_alias_names_the_same_family():
    by_name = create_model("rnn", TRANSLATION, layers=2, units=4, encoder="rnn", seed=0)
    by_alias = create_model("rnn", TRANSLATION, layers=2, units=4, encoder="vanilla_rnn", seed=0)
    assert by_alias.count_params() == by_name.count_params()


@pytest.mark.parametrize("name", ["gru", "lru", "s4d", "mamba"])
def test_solving_for_a_width_leaves_random_numbers_alone(name):
    made = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        made.append([keras.ops.convert_to_numpy(w) for w in create_model(name, LABELS, parameters=4001).weights])
    drawn = random.random()
    keras.utils.set_random_seed(5)
    create_model(name, LABELS, parameters=4001)
    assert random.random() == drawn
    assert all(map(np.array_equal, *made))


def test_recurrent_families_drop_out_at_their_defaults():
    model = create_model("gru", Asked(Features(3), Classification(("a", "b"))), dropout=0.5, seed=0)
    x = {"values": np.ones((2, 6, 3), "float32"), "mask": np.ones((2, 6), bool)}
    first, second = (keras.ops.convert_to_numpy(model(x, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
