"""Ranges as Optuna and KerasTuner see them, and suggestions."""

import keras_tuner as kt
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.config import Choice, Float, Int, fields
from keraseq.models import Classification, Tagging, Translation
from keraseq.registry import algorithms, models
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
    named = space.searched(family, LABELS, None)
    assert named, family
    for name, field in named.items():
        where = space.distribution(field.range)
        assert where._contains(where.to_internal_repr(field.default)), name
    assert space.declare(kt.HyperParameters(), named) == space.defaults(named)


def test_a_size_takes_the_width_out_of_the_space():
    assert "tcn/filters" in space.searched("tcn", LABELS, None)
    assert "tcn/filters" not in space.searched("tcn", LABELS, 10_000)
    assert len(space.searched("tcn", LABELS, None)) == len([f for f in fields(models.get("tcn")) if f.range])


def test_what_has_no_effect_on_the_output_is_not_searched():
    assert {"gru/bidirectional", "gru/pooling"} <= space.searched("gru", LABELS, None).keys()
    tagging = space.searched("gru", Tagging(("a", "b")), None).keys()
    assert "gru/bidirectional" in tagging
    assert "gru/pooling" not in tagging
    assert not {"gru/bidirectional", "gru/pooling"} & space.searched("gru", Translation(9, 1, 2), None).keys()


def test_fixed_training_settings_are_not_searched():
    assert set(space.searched_training({})) == {"learning_rate", "weight_decay"}
    assert set(space.searched_training({"learning_rate": 0.1})) == {"weight_decay"}


def test_split_separates_family_and_training():
    params = {"tcn/filters": 8, "learning_rate": 0.1}
    assert space.split(params, "tcn") == ({"filters": 8}, {"learning_rate": 0.1})


def history(where, values):
    return [optuna.trial.create_trial(params={"x": x}, distributions=where, value=(x - 0.3) ** 2) for x in values]


@pytest.mark.parametrize("algorithm", algorithms.names())
def test_suggestions_follow_the_seed(algorithm):
    where = {"x": FloatDistribution(0.0, 1.0)}
    known = history(where, [i / 20 for i in range(20)])

    def ask(seed):
        return space.suggest(algorithms.get(algorithm), where, known, optuna.study.StudyDirection.MINIMIZE, seed)

    assert ask(0) == ask(0)
    assert len({ask(seed)["x"] for seed in range(8)}) == 8


def test_tpe_learns_from_history_and_ignores_trials_of_another_space():
    where = {"x": FloatDistribution(0.0, 1.0)}
    known = history(where, [i / 40 for i in range(40)])
    elsewhere = {"y": FloatDistribution(0.0, 1.0)}
    other = [optuna.trial.create_trial(params={"y": 0.5}, distributions=elsewhere, value=-1.0)] * 40
    minimise = optuna.study.StudyDirection.MINIMIZE
    picks = [space.suggest(algorithms.get("tpe"), where, known + other, minimise, s)["x"] for s in range(20)]
    assert sum(abs(x - 0.3) < 0.2 for x in picks) >= 15
    failed = [optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL)]
    assert 0 <= space.suggest(algorithms.get("tpe"), where, failed, minimise, 0)["x"] <= 1
