"""A search end to end: shares, seeds, resume, test scores, the best model."""

import json
import multiprocessing

import numpy as np
import pytest

import keraseq
from keraseq.errors import KeraseqError, UsageError
from keraseq.files import DamagedFileError
from keraseq.tuning import Study
from keraseq.tuning.study import locked


def told(study):
    return [(r.index, r.family, dict(r.params), r.outcome, r.score, r.parameters) for r in study.records()]


def test_a_search_goes_on_where_it_ended_and_the_same_seed_gives_the_same_trials(quick, tmp_path):
    study = quick(trials=2)
    first = told(study)
    assert [(index, family, outcome) for index, family, _, outcome, *_ in first] == [
        (0, "rnn", "completed"),
        (1, "linear", "completed"),
    ]
    assert told(quick(trials=2)) == first  # nothing left to do
    more = told(quick(trials=4))
    assert more[:2] == first
    assert [row[1] for row in more] == ["rnn", "linear"] * 2
    assert more[2][2] != more[0][2]  # sampled, not the defaults again
    again = told(quick(trials=4, directory=tmp_path / "again"))
    assert again == more


def test_winners_and_only_winners_are_scored_on_test_and_the_best_model_predicts(quick, digits):
    study = quick(trials=3)
    rows = study.leaderboard()
    assert {row.family: row.trials for row in rows} == {"rnn": 2, "linear": 1}
    assert set(study.test_scores()) == {row.winner.name for row in rows}
    assert rows[0].winner.score == max(r.score for r in study.records())
    best = study.best()
    winner = study.winner()
    assert best.card["model"]["name"] == winner.family
    assert best.card["parameters"] == winner.parameters
    assert best.card["seed"] == 0
    raw = [example for example, _ in digits.raw("test", 20)]
    labels = [answer["label"] for answer in best.predict(raw)]
    inside = keraseq.load_model(study.folder(winner.index)).predict(raw)
    assert [answer["label"] for answer in inside] == labels
    own = np.concatenate([best.model.predict_on_batch(x) for x, _ in digits.test])
    targets = np.concatenate([y for _, y in digits.test.as_numpy_iterator()])
    assert rows[0].test.mean == pytest.approx(float(np.mean(own.argmax(-1) == targets)), abs=1e-6)
    lines = (study.folder(0) / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1]


def test_shares_sizes_and_limits(quick):
    study = quick(models=("linear=2", "rnn"), trials=3, max_parameters=1400, match=None, learning_rate=0.01)
    assert [r.family for r in study.records()] == ["linear", "rnn", "linear"]
    assert study.records()[1].outcome == "too large"
    assert "at most 1,400" in study.records()[1].message
    assert all("learning_rate" not in r.params for r in study.records())
    first, last = study.leaderboard()
    assert (first.family, last.family) == ("linear", "rnn")
    assert (last.winner, last.test, last.trials, last.failed) == (None, None, 1, 1)


def test_match_brings_every_model_to_one_size_and_tells_what_it_reached(quick):
    for record in quick(models=("rnn", "cnn"), match={"parameters": 5000}).records():
        assert abs(record.parameters - 5000) <= 250
        assert record.match == {"parameters": record.parameters}


def test_time_is_kept_and_cut_short_trials_are_scored(quick):
    study = quick(trials=2, time=30.0, epochs=10_000, patience=None)
    assert [r.outcome for r in study.records()] == ["completed"] * 2
    assert all(r.score is not None and 0 < r.epochs < 10_000 and r.seconds < 30 for r in study.records())
    assert len(study.test_scores()) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"models": ["lstn"]}, "no model named 'lstn'; did you mean 'lstm'"),
        ({"models": []}, "at least one model"),
        ({"models": ["gru=0"]}, "share of 'gru' must be 1 or more"),
        ({"algorithm": "tpee"}, "did you mean 'tpe'"),
        ({"strategy": "gpus"}, "no strategy named 'gpus'"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"time": 0.0}, "time must be above 0"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"learning_rat": 0.1}, "did you mean 'learning_rate'"),
    ],
)
def test_bad_usage_is_found_before_anything_runs(quick, tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        quick(**settings)
    assert not (tmp_path / "study").exists()


def test_another_plan_in_the_same_folder_is_refused(quick):
    quick(trials=1)
    with pytest.raises(UsageError, match=r"holds another study .*seed 0 → 1.*choose another directory"):
        quick(trials=1, seed=1)


def test_a_second_coordinator_is_refused(quick, tmp_path):
    with locked(tmp_path / "study"), pytest.raises(KeraseqError, match=r"in use by another search \(process \d+\)"):
        quick(trials=1)


def test_damaged_and_foreign_folders_say_so(quick, tmp_path):
    quick(trials=1)
    folder = tmp_path / "study"
    database = (folder / "study.db").read_bytes()
    (folder / "study.db").write_bytes(b"\0" * 100 + database[100:5000])
    with pytest.raises(KeraseqError, match=r"study\.db cannot be used .* move the folder away"):
        Study(folder)
    (folder / "study.db").write_bytes(database)
    assert len(Study(folder).records()) == 1
    text = (folder / "study.json").read_text()
    (folder / "study.json").write_text(text[: len(text) // 2])
    with pytest.raises(DamagedFileError, match=r"study\.json is not readable as JSON .*move the folder away"):
        quick(trials=1)
    (folder / "study.json").unlink()
    with pytest.raises(KeraseqError, match=r"holds '.*' but no study\.json; choose another directory"):
        quick(trials=1)
    with pytest.raises(KeraseqError, match="no study in"):
        Study(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(KeraseqError, match=r"cannot write to .*choose another directory"):
        quick(trials=1, directory=tmp_path / "file" / "study")


def test_a_missing_database_is_never_started_anew(quick, tmp_path):
    quick(trials=1)
    (tmp_path / "study" / "study.db").unlink()
    with pytest.raises(KeraseqError, match=r"study\.db is missing; move the folder away"):
        quick(trials=1)
    (tmp_path / "study" / "study.db").write_bytes(b"")
    with pytest.raises(KeraseqError, match=r"study\.db cannot be used"):
        quick(trials=1)
    assert (tmp_path / "study" / "trials" / "0000" / "model.keras").exists()


def test_time_alone_does_not_repeat_what_always_fails(quick):
    study = quick(models=["linear"], trials=None, time=300.0, max_parameters=1)
    assert [r.outcome for r in study.records()] == ["too large"] * 2


def test_searching_from_a_child_is_refused(quick):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()

    def inside():
        try:
            quick(trials=1)
        except UsageError as error:
            queue.put(str(error))

    process = context.Process(target=inside)
    process.start()
    assert "if __name__ == '__main__'" in queue.get(timeout=60)
    process.join()


def test_early_epochs_see_a_share_and_what_is_not_stopped_trains_on(quick):
    study = quick(models=["linear"], trials=2, epochs=9, fidelity="data", pruning="asha", patience=None)
    whole = study.records()[0]
    assert (whole.epochs, whole.outcome) == (9, "completed")
    assert study.job(0).fidelity == "data"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fidelity": "dat"}, "fidelity must be one of epochs, data, length"),
        ({"fidelity": "data", "pruning": "none"}, "fidelity data makes cheap rungs for pruning"),
        ({"fidelity": "length"}, "needs a task with max_length; digits has none"),
        ({"pruning": "ash"}, "pruning must be one of asha"),
        ({"objectives": ["score", "latency"], "pruning": "asha"}, "with several objectives give pruning none"),
        ({"objectives": ["parameters"]}, "the first objective is score"),
        ({"objectives": ["score", "latencie"]}, "did you mean 'latency'"),
        ({"equal": "money"}, "equal must be one of trials, time"),
        ({"match": {"weights": 3}}, "match must be one of parameters"),
        ({"range": {"rnn/unit": "1:2"}}, "range rnn/unit: no setting named 'rnn/unit'; did you mean 'rnn/units'"),
        ({"range": {"dropout": "0:0.2"}, "fix": {"rnn/dropout": 0.1}}, "cannot be both fixed and searched"),
        ({"fix": {"dropout": "much"}}, "dropout must be float"),
        ({"seeds": -1}, "seeds must be 0 or more"),
    ],
)
def test_what_a_plan_cannot_be_is_said_before_anything_runs(quick, tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        quick(**settings)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        ([{"family": "gru"}], "gru is not searched; known: rnn, linear"),
        ([{"family": "rnn", "layer": 2}], "no searched setting named 'layer'; did you mean"),
        ([{"family": "rnn", "layers": 99}], "rnn/layers=99 is not in"),
        ([{"layers": 2}], "what is queued needs a family"),
    ],
)
def test_what_cannot_be_queued_is_said(quick, queue, message):
    with pytest.raises(UsageError, match=message):
        quick(queue=queue)
