"""Ranges as Optuna and KerasTuner see them, and suggestions."""

import keras_tuner as kt
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.config import Choice, Float, Int, fields
from keraseq.models import Classification, Tagging, Translation
from keraseq.registry import models
from keraseq.tasks import task_config
from keraseq.tuning import space

LABELS = Classification(("a", "b"))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Int(2, 8), IntDistribution(2, 8)),
        (Int(2, 8, step=2), IntDistribution(2, 8, step=2)),
        (Int(8, 512, log=True), IntDistribution(8, 512, log=True)),
        (Float(0.0, 0.5), FloatDistribution(0.0, 0.5)),
        (Float(1e-4, 1e-2, log=True), FloatDistribution(1e-4, 1e-2, log=True)),
        (Choice("mean", "max"), CategoricalDistribution(("mean", "max"))),
    ],
)
def test_a_range_is_an_optuna_distribution(given, wanted):
    assert space.distribution(given) == wanted


@pytest.mark.parametrize("family", models.names())
def test_defaults_lie_in_their_ranges_and_keras_tuner_accepts_them(family):
    named = space.searched(family, LABELS)
    assert named, family
    for name, field in named.items():
        where = space.distribution(field.range)
        assert where._contains(where.to_internal_repr(field.default)), name
    assert space.declare(kt.HyperParameters(), space.space(named), space.defaults(named)) == space.defaults(named)


def test_a_size_takes_the_width_out_of_the_space():
    assert "tcn/filters" in space.searched("tcn", LABELS)
    assert "tcn/filters" not in space.searched("tcn", LABELS, solved=True)
    own = [name for name in space.searched("tcn", LABELS) if "/" in name]
    assert len(own) == len([f for f in fields(models.get("tcn")) if f.range])


def test_what_has_no_effect_on_the_output_is_not_searched():
    assert {"gru/bidirectional", "gru/pooling"} <= space.searched("gru", LABELS).keys()
    tagging = space.searched("gru", Tagging(("a", "b"))).keys()
    assert "gru/bidirectional" in tagging
    assert "gru/pooling" not in tagging
    assert not {"gru/bidirectional", "gru/pooling"} & space.searched("gru", Translation(9, 1, 2)).keys()


def test_what_is_fixed_is_not_searched_and_what_has_a_range_is():
    shared = {"learning_rate", "weight_decay"}
    assert {name for name in space.searched("rnn", LABELS) if "/" not in name} == shared
    assert "learning_rate" not in space.searched("rnn", LABELS, fixed={"learning_rate"})
    narrow = {"low": 20, "high": 30, "step": 1, "log": False}
    named = space.searched(
        "rnn",
        LABELS,
        ranges={"rnn/units": narrow, "task.batch_size": {"values": [16, 64]}, "clip_norm": {"values": [0.5, 1.0]}},
        task=task_config("digits", {}).__class__,
    )
    assert space.space(named)["rnn/units"] == IntDistribution(20, 30)
    assert named["rnn/units"].default == 30  # the nearest to 64
    assert space.space(named)["task.batch_size"] == CategoricalDistribution((16, 64))
    assert named["clip_norm"].default == 1.0


def test_split_separates_family_and_training():
    params = {"tcn/filters": 8, "learning_rate": 0.1, "task.batch_size": 16}
    assert space.split(params, "tcn") == ({"filters": 8}, {"learning_rate": 0.1}, {"batch_size": 16})
