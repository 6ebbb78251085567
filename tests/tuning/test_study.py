"""What a study tells of itself, and trials brought back from it."""

import json
import os
import warnings

import numpy as np
import optuna
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import keraseq
from keraseq import Outcome
from keraseq.errors import KeraseqError, UsageError
from keraseq.tuning import Study
from keraseq.tuning.record import trial_place
from keraseq.tuning.results import export, overview, plots
from keraseq.tuning.study import holder, locate, locked


@pytest.fixture(scope="session")
def synthetic():
    import importlib.util
    from pathlib import Path

    where = importlib.util.spec_from_file_location("synthetic", Path(__file__).with_name("synthetic.py"))
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def searched(digits, tmp_path_factory):
    """Four trials of one epoch, and one on a fresh seed."""
    settings = {"epochs": 1, "seeds": 1, "finalists": 1, "match": {"parameters": 1500}, "tensorboard": True}
    path = tmp_path_factory.mktemp("studies") / "deep" / "digits"
    return keraseq.search(digits, ("rnn", "linear"), trials=4, directory=path, progress=False, **settings)


@pytest.fixture(scope="module")
def thirty(synthetic, digits, tmp_path_factory):
    return synthetic.written(tmp_path_factory.mktemp("thirty") / "study", digits, synthetic.thirty())


def test_a_rebuilt_trial_trains_to_the_score_that_it_had(searched):
    record = searched.records()[2]
    assert (record.family, record.outcome) == ("rnn", Outcome.COMPLETED)
    model, task = searched.rebuild(2)
    assert keraseq.models.count_parameters(model) == record.parameters
    trained = searched.load(2)
    assert any(not np.array_equal(a, b) for a, b in zip(model.get_weights(), trained.model.get_weights(), strict=True))
    job = searched.job(2)
    assert (job.match, job.config["units"] > 1) == ({}, True)  # solved for
    fit = keraseq.fit(model, task, seed=job.seed, strategy=job.strategy, progress=False, **job.training)
    assert fit.score == pytest.approx(record.score, abs=1e-6)
    (line,) = searched.history(2)
    assert fit.history["val_loss"] == [pytest.approx(line["val_loss"], abs=1e-6)]
    for own, theirs in zip(model.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_allclose(own, theirs, atol=1e-5)


def test_trials_are_found_by_their_paths(searched):
    winner = searched.winner()
    found = [locate(searched.path / name)[1:] for name in ("2", "trials/0002", f"{winner.index}-1")]
    assert found == [(2, 0), (2, 0), (winner.index, 1)]
    assert locate(searched.path)[1:] == (winner.index, 0)
    assert [trial_place(name) for name in ("7", "0007", "7-2")] == [(7, 0), (7, 0), (7, 2)]
    for name in ("seven", "-1", "7-", "7 ", "7-2-1", ""):
        with pytest.raises(UsageError, match=r"a trial is an index such as 7, or 7-2"):
            trial_place(name)
    with pytest.raises(UsageError, match=r"no trial 0009 in .*: they go from 0 to 3"):
        locate(searched.path / "9")
    with pytest.raises(UsageError, match=rf"no trial 000{winner.index}-5 in .*: its fresh seeds are 1"):
        searched.load(winner.index, 5)
    with pytest.raises(UsageError, match="it has no fresh seeds"):
        searched.job(1 - winner.index % 2, 1)
    with pytest.raises(KeraseqError, match=r"no study in .*: a trial is STUDY/7"):
        locate(searched.path.parent / "7" / "7")


def test_the_trial_of_a_hypermodel_cannot_be_rebuilt_by_name(searched, monkeypatch):
    file = searched.folder(0) / "job.json"
    text = file.read_text()
    try:
        file.write_text(json.dumps({**json.loads(text), "family": "MyHyperModel"}))
        with pytest.raises(UsageError, match="is of MyHyperModel, which is no registered family"):
            searched.rebuild(0)
    finally:
        file.write_text(text)


def test_scalars_for_tensorboard_and_nothing_else(searched, tmp_path, digits):
    events = EventAccumulator(str(searched.folder(0) / "tensorboard" / "validation")).Reload()
    (line,) = searched.history(0)
    (event,) = events.Tensors("epoch_accuracy")
    assert float(tf.make_ndarray(event.tensor_proto)) == pytest.approx(line["val_accuracy"])
    assert not events.Tags()["graph"]
    assert "tensorboard" not in searched.plan.to_json()
    model = keraseq.create_model("linear", digits, units=2, seed=0)
    with pytest.raises(UsageError, match="give directory"):
        keraseq.fit(model, digits, epochs=1, tensorboard=True, progress=False)
    for _ in range(2):
        keraseq.fit(model, digits, epochs=1, tensorboard=True, progress=False, directory=tmp_path)
    assert len(list(tmp_path.glob("tensorboard/train/events*"))) == 1  # not those of the first run besides


def test_whether_a_search_goes_on_is_asked_without_disturbing_it(tmp_path):
    assert holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        assert holder(tmp_path) == str(os.getpid())
        assert (tmp_path / "study.lock").read_text() == str(os.getpid())
        with pytest.raises(KeraseqError, match="in use by another search"), locked(tmp_path):
            pass
    assert holder(tmp_path) is None
    with locked(tmp_path):
        pass


def test_studies_below_a_folder(searched, tmp_path):
    above = searched.path.parents[1]
    assert overview.studies_below(above) == [searched.path]
    told = overview.overview(searched.path)
    assert (told.task, told.families, told.ended, told.failed, told.held_by) == (
        "digits",
        ("rnn", "linear"),
        4,
        0,
        None,
    )
    assert told.best == searched.winner().score
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "study.json").write_text("{")
    assert "not readable as JSON" in overview.overview(tmp_path / "broken").problem
    with pytest.raises(KeraseqError, match=r"no folder .*nowhere"):
        overview.studies_below(tmp_path / "nowhere")


def test_importance_follows_what_the_score_depends_on(thirty):
    rnn, linear = thirty.importance()
    assert (rnn.family, rnn.trials, rnn.reason) == ("rnn", 13, "")
    assert next(iter(rnn.shares)) == "rnn/units"
    assert rnn.shares["rnn/units"] > 0.5
    assert sum(rnn.shares.values()) == pytest.approx(1)
    assert thirty.importance()[0] == rnn
    assert (linear.shares, linear.reason) == (None, "all of its trials scored 0.1")


def test_importance_says_why_there_is_none(synthetic, digits, tmp_path):
    few = [("linear", {"learning_rate": 1e-3 * i}, {"score": i / 10}) for i in range(1, 8)]
    same = [
        ("rnn", {"rnn/units": 8, "rnn/pooling": "last", "learning_rate": 1e-3}, {"score": i / 10}) for i in range(9)
    ]
    rnn, linear = synthetic.written(tmp_path / "study", digits, few + same).importance()
    assert linear.reason == "7 of its trials completed; at least 8 are needed"
    assert rnn.reason == "none of its settings varies"


def test_failures_are_grouped_and_time_is_added_up(thirty):
    (group,) = overview.failures(thirty.records())
    assert (group.outcome, group.trials, group.message) == (
        Outcome.FAILED,
        ("0006", "0013", "0020", "0027"),
        "ValueError: of trial 6",
    )
    assert overview.spent(thirty) == {"elapsed": 58.0, "trials": 60.0, "families": {"rnn": 30.0, "linear": 30.0}}


@pytest.mark.parametrize("suffix", export.SUFFIXES)
def test_pandas_reads_what_is_exported(thirty, tmp_path, suffix):
    pandas = pytest.importorskip("pandas")
    file = tmp_path / "deep" / f"trials{suffix}"
    assert export.export(thirty, file) == 30
    read = {
        ".csv": pandas.read_csv,
        ".json": pandas.read_json,
        ".jsonl": lambda path: pandas.read_json(path, lines=True),
    }
    frame = read[suffix](file)
    records = thirty.records()
    assert list(frame["index"]) == list(range(30))
    assert {"family", "outcome", "score", "seed", "replicate", "message", "memory"} < set(frame.columns)
    np.testing.assert_allclose(frame["score"], [np.nan if r.score is None else r.score for r in records])
    np.testing.assert_allclose(frame["params.rnn/units"], [r.params.get("rnn/units", np.nan) for r in records])
    assert frame["score"].isna().sum() == 4
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_exported_rows_hold_fresh_seeds_and_test_scores(searched, tmp_path):
    table = export.rows(searched)
    assert len(table) == 5
    winner = searched.winner()
    (again,) = [row for row in table if row["replicate"]]
    assert again["trial"] == f"{winner.index:04d}-1"
    assert again["test.accuracy"] == searched.test_scores()[again["trial"]]["accuracy"]
    assert all(row.keys() == table[0].keys() for row in table)
    with pytest.raises(UsageError, match=r"exported to \.csv, \.json, \.jsonl; got 'trials\.xlsx'"):
        export.export(searched, tmp_path / "trials.xlsx")


def test_details_of_trials_that_ended_and_of_one_that_runs(searched, synthetic, digits, tmp_path):
    told = overview.details(searched, 2)
    record = searched.records()[2]
    assert (told["trial"], told["score"], told["outcome"]) == ("0002", record.score, "completed")
    assert told["settings"].keys() >= {"model.dropout", "training.learning_rate"}
    assert [line["epoch"] for line in told["history"]] == [1]
    study = synthetic.written(tmp_path / "study", digits, synthetic.thirty()[:1])
    suggestion = synthetic.Suggestion("linear", {"learning_rate": 1e-3})
    synthetic.Ledger(study).begin(suggestion, synthetic.SPACES["linear"], {"index": 1, "replicate": 0, "seed": 0})
    assert overview.details(study, 1)["outcome"] == "interrupted"
    with locked(study.path):
        assert overview.details(study, 1)["outcome"] == "running"
    study.folder(1).mkdir(parents=True)
    (study.folder(1) / "history.jsonl").write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 2, "lo')
    assert overview.details(study, 1)["history"] == [{"epoch": 1, "loss": 2.0}]


@pytest.mark.parametrize("what", plots.PLOTS)
def test_every_picture_is_drawn_titled_and_labelled(thirty, tmp_path, what):
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="pictures need keraseq[plot]")
    before = pyplot.get_fignums(), pyplot.rcParams["axes.facecolor"]
    figure = plots.plot(thirty, what)
    assert "digits" in figure.get_suptitle()
    assert any(axes.get_xlabel() for axes in figure.axes) or what == "parallel"
    plots.save(figure, tmp_path / "it.svg")
    assert "<svg" in (tmp_path / "it.svg").read_text()
    assert (pyplot.get_fignums(), pyplot.rcParams["axes.facecolor"]) == before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(optuna.exceptions.ExperimentalWarning):  # silenced for the picture alone
            optuna.visualization.matplotlib.plot_edf(thirty.optuna)


def test_the_front_is_marked_and_a_family_drawn_alone(thirty):
    pytest.importorskip("matplotlib", reason="pictures need keraseq[plot]")
    (axes,) = plots.plot(thirty, "pareto").axes
    *families, marked = axes.collections
    assert [points.get_label() for points in families] == ["rnn", "linear"]
    front = [(r.parameters, r.score) for r in thirty.front()]
    np.testing.assert_allclose(sorted(marked.get_offsets().tolist()), sorted(front))
    (axes,) = plots.plot(thirty, "pareto", "linear").axes
    assert [points.get_label() for points in axes.collections][:1] == ["linear"]
    assert len(axes.collections[-1].get_offsets()) == 1


def test_pictures_say_what_is_missing(thirty, synthetic, digits, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="pictures need keraseq[plot]")
    with pytest.raises(UsageError, match="no picture of a study named 'paretto'; did you mean 'pareto'"):
        plots.plot(thirty, "paretto")
    with pytest.raises(UsageError, match="no family of this study named 'gru'"):
        plots.plot(thirty, "pareto", "gru")
    with pytest.raises(KeraseqError, match=r"of linear: all of its trials scored 0\.1"):
        plots.plot(thirty, "importance", "linear")
    with pytest.raises(UsageError, match=r"written to \.png, \.svg, \.pdf; got 'it\.gif'"):
        plots.save(plots.plot(thirty, "pareto"), tmp_path / "it.gif")
    empty = synthetic.written(tmp_path / "study", digits, [])
    with pytest.raises(KeraseqError, match="no trial of it has a score yet"):
        plots.plot(empty, "pareto")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(KeraseqError, match=r"pip install 'keraseq\[plot\]'"):
        plots.plot(thirty, "pareto")


def test_studies_of_several_objectives(synthetic, digits, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need keraseq[plot]")
    trials = [(f, p, {"latency": 1.0 + i % 5, **facts}) for i, (f, p, facts) in enumerate(synthetic.thirty())]
    objectives = ("score", "parameters", "latency")
    study = synthetic.written(tmp_path / "study", digits, trials, objectives=objectives)
    assert Study(study.path).importance()[0].trials == 13
    left, right = plots.plot(study, "pareto").axes
    assert (left.get_xlabel(), right.get_xlabel()) == ("trainable parameters", "latency of one sequence [ms]")
    assert len(export.rows(study)) == 30
