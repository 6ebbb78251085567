"""`kt.HyperParameters` that ask an Optuna trial."""

import keras_tuner as kt
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from keraseq.tuning import AskingHyperParameters
from keraseq.tuning.coordinator import _suggest
from keraseq.tuning.hyperparameters import distribution


@pytest.fixture
def study():
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))


def asking(study):
    """Hyperparameters and the trial that answers them, by way of JSON as through a pipe."""
    trial = study.ask()
    return trial, AskingHyperParameters(
        lambda name, where: _suggest(trial, name, optuna.distributions.distribution_to_json(where))
    )


def test_every_kind_is_asked_for_and_stays_in_its_range(study):
    for _ in range(20):
        trial, hp = asking(study)
        assert hp.Choice("choice", ["a", "b"]) in ("a", "b")
        assert hp.Int("int", 2, 10, step=4) in (2, 6, 10)
        assert hp.Int("log_int", 1, 8, sampling="log") in range(1, 9)
        assert hp.Int("log_step", 2, 32, step=2, sampling="log") in (2, 4, 8, 16, 32)
        assert 0 <= hp.Float("float", 0.0, 1.0) <= 1
        assert hp.Float("float_step", 0.0, 1.0, step=0.25) in (0, 0.25, 0.5, 0.75, 1)
        assert 1e-4 <= hp.Float("log_float", 1e-4, 1e-1, sampling="log") <= 1e-1
        assert 1 <= hp.Float("reverse", 1.0, 10.0, sampling="reverse_log") <= 10
        assert hp.Boolean("boolean") in (True, False)
        assert hp.Fixed("fixed", 7) == 7
        assert "fixed" not in trial.params
        assert hp.get("int") == trial.params["int"]
        study.tell(trial, 0.0)
    assert {t.params["boolean"] for t in study.trials} == {True, False}


def test_only_the_active_scope_is_asked_for(study):
    seen = set()
    for _ in range(10):
        trial, hp = asking(study)
        family = hp.Choice("family", ["gru", "tcn"])
        with hp.conditional_scope("family", ["gru"]):
            units = hp.Int("gru/units", 1, 9)
        with hp.conditional_scope("family", ["tcn"]):
            filters = hp.Int("tcn/filters", 1, 9)
        assert (units is None, filters is None) == (family == "tcn", family == "gru")
        assert set(trial.params) == {"family", "gru/units" if family == "gru" else "tcn/filters"}
        assert hp.Choice("family", ["gru", "tcn"]) == family  # declared again: not asked for again
        seen.add(family)
        study.tell(trial, 0.0)
    assert seen == {"gru", "tcn"}


def test_name_scopes_and_parents_work_as_in_keras_tuner(study):
    trial, hp = asking(study)
    with hp.name_scope("block"):
        hp.Int("units", 1, 4)
    assert list(trial.params) == ["block/units"]
    assert hp.Int("inactive", 1, 4, parent_name="block/units", parent_values=[99]) is None


def test_distributions():
    hp = kt.HyperParameters()
    hp.Boolean("b")
    hp.Int("i", 0, 9, step=3)
    assert [distribution(h) for h in hp.space] == [
        CategoricalDistribution((False, True)),
        IntDistribution(0, 9, step=3),
    ]
