"""Whatever a trial does, it ends in one outcome and leaves the others alone."""

import keras_tuner as kt
import pytest

from keraseq import search
from keraseq.errors import UsageError
from keraseq.tuning import SequenceHyperModel


def run(digits, tmp_path, hypermodel, **settings):
    given = {"trials": 1, "epochs": 2, "seeds": 0, "progress": False} | settings
    return search(digits, hypermodel=hypermodel, directory=tmp_path / "study", **given)


def test_any_hypermodel_is_searched(hypermodels, digits, tmp_path):
    study = run(digits, tmp_path, hypermodels.Dense(), trials=3)
    records = study.records()
    assert [r.outcome for r in records] == ["completed"] * 3
    assert {r.family for r in records} == {"Dense"}
    assert all({"hidden", "rate"} <= set(r.params) <= {"hidden", "units", "rate"} for r in records)
    assert len({r.params["rate"] for r in records}) == 3
    assert study.leaderboard()[0].test.mean > 0.5
    raw = [example for example, _ in digits.raw("test", 3)]
    assert len(study.best().predict(raw)) == 3


def test_what_a_hypermodel_would_ignore_is_refused(hypermodels, digits, tmp_path):
    with pytest.raises(UsageError, match="decides for itself; learning_rate, match cannot be given"):
        run(digits, tmp_path, hypermodels.Dense(), match={"parameters": 10}, learning_rate=0.1)


@pytest.mark.parametrize(
    ("fault", "outcome", "message"),
    [
        ("raise", "failed", "ValueError: on purpose"),
        ("nan", "diverged", ""),
        ("abort", "killed", "SIGABRT"),
        ("exit", "killed", "exit code 0 without a result, 2 times"),
        ("full", "failed", "File too large"),
    ],
)
def test_a_fault_becomes_its_outcome(hypermodels, digits, tmp_path, fault, outcome, message):
    study = run(digits, tmp_path, hypermodels.Dense(fault))
    assert [r.outcome for r in study.records()] == [outcome]
    assert message in study.records()[0].message
    trace = study.folder(0) / "traceback.txt"
    assert trace.exists() == (outcome == "failed")
    assert study.winner() is None
    assert not (study.path / "best").exists()


@pytest.mark.parametrize("fault", ["hang", "loop"])
def test_a_hung_child_is_timed_out(hypermodels, digits, tmp_path, monkeypatch, fault):
    monkeypatch.setattr("keraseq.tuning.coordinator.GRACE", 3.0)
    study = run(digits, tmp_path, hypermodels.Dense(fault), trial_time=2.0)
    assert [r.outcome for r in study.records()] == ["timed out"]


def test_a_child_that_takes_too_much_memory_is_killed(hypermodels, digits, tmp_path):
    study = run(digits, tmp_path, hypermodels.Dense("memory"), memory=3.0)
    assert [r.outcome for r in study.records()] == ["out of memory"]
    assert "3.0 GiB" in study.records()[0].message


def test_a_family_that_diverges_says_so(digits, tmp_path):
    study = search(
        digits,
        ["rnn"],
        trials=1,
        epochs=5,
        learning_rate=1e30,
        clip_norm=None,
        directory=tmp_path / "s",
        progress=False,
    )
    (record,) = study.records()
    assert record.outcome == "diverged"
    assert "lower the learning rate" in record.message


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # it loads weights into new models
@pytest.mark.parametrize(
    "tuner",
    [
        lambda *a, **k: kt.RandomSearch(*a, max_trials=3, **k),
        lambda *a, **k: kt.BayesianOptimization(*a, max_trials=3, **k),
        lambda *a, **k: kt.Hyperband(*a, max_epochs=2, factor=2, **k),
    ],
    ids=["random", "bayesian", "hyperband"],
)
def test_stock_keras_tuner_runs_our_hypermodel(digits, tmp_path, tuner):
    hypermodel = SequenceHyperModel(digits, ["rnn", "linear"], parameters=1500)
    objective = kt.Objective(digits.objective, digits.direction)
    found = tuner(hypermodel, objective, directory=tmp_path, seed=7)
    found.search(digits.train, validation_data=digits.validation, epochs=1, shuffle=False, verbose=0)
    best = found.get_best_hyperparameters()[0]
    assert best["family"] in ("rnn", "linear")
    assert {name.partition("/")[0] for name in best.values if "/" in name} <= {best["family"], "tuner"}
    scores = [t.score for t in found.oracle.get_best_trials(2)]
    assert all(0 <= score <= 1 for score in scores)
    assert found.get_best_models()[0].predict(digits.test, verbose=0).shape[-1] == 10
