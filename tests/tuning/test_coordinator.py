"""The coordinator over scripted jobs: what it launches, notes, repeats and learns from."""

import resource
import signal

import pytest
import scripted

from keraseq.errors import KeraseqError
from keraseq.training.outcome import Outcome
from keraseq.tuning import Study, finals
from keraseq.tuning.ledger import Ledger


@pytest.fixture(autouse=True)
def _no_models(monkeypatch):
    monkeypatch.setattr(finals, "keep_best", lambda study: None)  # scripted jobs save none


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "study").mkdir()
    return tmp_path / "study"


def told(study):
    return [(r.name, r.family, dict(r.params), r.outcome, r.score, r.epochs) for r in study.all_records()]


def test_families_start_at_their_defaults_and_what_is_queued_comes_first(folder):
    executor = scripted.Scripted()
    study = scripted.coordinate(folder, executor, queue=[{"family": "gru", "units": 33, "learning_rate": 0.001}])
    assert [r.family for r in study.records()] == ["gru", "rnn", "gru", "rnn", "rnn", "gru"]
    assert executor.jobs[0].config["units"] == 33
    assert executor.jobs[0].training == {"epochs": 4, "learning_rate": 0.001, "weight_decay": 1e-4}
    assert [job.config["units"] for job in executor.jobs[1:3]] == [64, 64]
    assert len({job.config["units"] for job in executor.jobs}) > 3


def test_what_is_fixed_and_ranged_reaches_the_jobs(folder):
    executor = scripted.Scripted()
    narrow = {"rnn/units": {"low": 20, "high": 22, "step": 1, "log": False}, "task.batch_size": {"values": [8, 16]}}
    fixed = {"rnn/dropout": 0.25, "gru/dropout": 0.0, "task.max_length": 9}
    study = scripted.coordinate(folder, executor, trials=12, ranges=narrow, fixed=fixed)
    for job, record in zip(executor.jobs, study.records(), strict=True):
        assert job.config["dropout"] == (0.25 if job.family == "rnn" else 0.0)
        assert job.family != "rnn" or 20 <= job.config["units"] <= 22
        assert job.task.settings["max_length"] == 9
        assert job.task.settings["batch_size"] == record.params["task.batch_size"]
    assert {job.task.settings["batch_size"] for job in executor.jobs} == {8, 16}


def test_a_crash_before_a_write_loses_nothing(folder, tmp_path, monkeypatch):
    settings = {"algorithm": "race", "pruning": "median", "seeds": 1, "trials": 14}
    whole = scripted.coordinate(folder, scripted.Scripted(), **settings)
    writes, crash_at = [], [None]

    def counted(method):
        def write(self, *args, **kwargs):
            writes.append(method.__name__)
            if len(writes) == crash_at[0]:
                raise KeyboardInterrupt
            return method(self, *args, **kwargs)

        return write

    for name in ("begin", "report", "end"):
        monkeypatch.setattr(Ledger, name, counted(getattr(Ledger, name)))
    for moment in (1, 2, 6, 7, 34, 60, 80):
        place = tmp_path / f"crashed-{moment}"
        place.mkdir()
        writes.clear()
        crash_at[0] = moment
        with pytest.raises(KeyboardInterrupt):
            scripted.coordinate(place, scripted.Scripted(), **settings)
        crash_at[0] = None
        executor = scripted.Scripted()
        assert told(scripted.coordinate(place, executor, **settings)) == told(whole), moment
        assert len(executor.jobs) <= 16


def test_an_end_that_was_half_written_stands(folder, tmp_path, monkeypatch):
    (tmp_path / "whole").mkdir()
    whole = scripted.coordinate(tmp_path / "whole", scripted.Scripted(), trials=4)
    conclude, ends = Ledger._conclude, []

    def killed(self, *args):
        ends.append(args)
        if len(ends) == 2:
            raise KeyboardInterrupt  # all that is known of the end is stored, the state that makes it final is not
        return conclude(self, *args)

    monkeypatch.setattr(Ledger, "_conclude", killed)
    with pytest.raises(KeyboardInterrupt):
        scripted.coordinate(folder, scripted.Scripted(), trials=4)
    assert len(Study(folder).records()) == 1
    executor = scripted.Scripted()
    assert told(scripted.coordinate(folder, executor, trials=4)) == told(whole)
    assert len(executor.jobs) == 2


def test_bad_trials_are_pruned_within_their_family_and_keep_their_best_score(folder):
    executor = scripted.Scripted()
    study = scripted.coordinate(folder, executor, trials=24, pruning="asha", training={"epochs": 9})
    pruned = [record for record in study.records() if record.outcome == "pruned"]
    assert 4 <= len(pruned) <= 20
    for record in study.records():
        handle = executor.handles[record.index]
        assert (("stop", "pruned") in handle.told) == (record in pruned)
        assert record.epochs == 9 or record in pruned
        assert max(scripted.curve(handle.job)[: record.epochs]) == record.score
    for family in ("rnn", "gru"):
        own = [record for record in study.records() if record.family == family]
        assert study.winner(family) not in pruned
        assert own[0] not in pruned  # it had nobody to be compared with


def test_a_killed_job_runs_again_once_and_its_siblings_do_not_notice(folder, tmp_path):
    whole = scripted.coordinate(folder, scripted.Scripted())
    (tmp_path / "killed").mkdir()
    killed = []

    def script(job):
        if job.folder.endswith("0003") and len(killed) < 1:
            killed.append(job)
            return scripted.ending(Outcome.KILLED, message="SIGKILL")
        return scripted.trained(job)

    executor = scripted.Scripted(script)
    assert told(scripted.coordinate(tmp_path / "killed", executor)) == told(whole)
    assert len(executor.jobs) == 7


def test_a_job_that_is_always_killed_is_given_up_after_two_launches(folder):
    executor = scripted.Scripted(lambda job: scripted.ending(Outcome.KILLED, message="SIGSEGV"))
    study = scripted.coordinate(folder, executor, trials=2)
    assert [(r.outcome, r.message) for r in study.records()] == [("killed", "SIGSEGV, 2 times")] * 2
    assert len(executor.jobs) == 4


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.DIVERGED, Outcome.TIMED_OUT, Outcome.TOO_LARGE])
def test_what_failed_by_itself_is_not_tried_again(folder, outcome):
    executor = scripted.Scripted(lambda job: scripted.ending(outcome))
    study = scripted.coordinate(folder, executor, trials=2, halve_batch=True)
    assert [r.outcome for r in study.records()] == [outcome] * 2
    assert len(executor.jobs) == 2


@pytest.mark.parametrize("allowed", [True, False])
def test_what_did_not_fit_is_tried_once_with_half_the_batch_where_that_is_allowed(folder, allowed):
    executor = scripted.Scripted(lambda job: scripted.ending(Outcome.OUT_OF_MEMORY))
    study = scripted.coordinate(folder, executor, trials=1, halve_batch=allowed)
    assert [r.outcome for r in study.records()] == ["out of memory"]
    batches = [(job.task.settings["batch_size"], job.training.get("accumulate", 1)) for job in executor.jobs]
    assert batches == ([(32, 1), (16, 2)] if allowed else [(32, 1)])
    assert executor.jobs[0].config == executor.jobs[-1].config


def test_what_fits_by_halves_alone_is_halved_on_fresh_seeds_too(folder):
    def script(job):
        fits = job.task.settings["batch_size"] < 32
        return scripted.trained(job) if fits else scripted.ending(Outcome.OUT_OF_MEMORY)

    executor = scripted.Scripted(script)
    study = scripted.coordinate(folder, executor, trials=1, halve_batch=True, seeds=2)
    assert [job.task.settings["batch_size"] for job in executor.jobs] == [32, 16, 16, 16]
    assert [record.outcome for record in study.all_records()] == ["completed"] * 3


def test_finalists_are_trained_on_fresh_seeds_and_only_they_and_winners_are_scored_on_test(folder):
    executor = scripted.Scripted()
    study = scripted.coordinate(folder, executor, models={"rnn": 1, "gru": 1, "lstm": 1}, trials=9, seeds=2)
    first, second, third = study.leaderboard()
    finalists = executor.jobs[9:]
    assert [job.seed for job in finalists] == [1, 1, 2, 2]
    assert {job.family for job in finalists} == {first.family, second.family}
    for job in finalists:
        winner = next(row.winner for row in (first, second) if row.family == job.family)
        assert job.config == executor.jobs[winner.index].config
        assert job.training == executor.jobs[winner.index].training
    assert len(first.validation.values) == 2
    assert first.validation.interval > 0
    own = [max(scripted.curve(job)) for job in finalists if job.family == first.family]
    assert first.validation.mean == pytest.approx(sum(own) / 2)
    assert third.validation.values == (third.winner.score,)
    assert third.validation.interval is None
    again = [f"{row.winner.index:04d}-{k}" for row in (first, second) for k in (1, 2)]
    assert sorted(executor.scored) == sorted([*again, third.winner.name])
    assert not any(r.replicate for r in study.records())
    repeated = scripted.Scripted()
    scripted.coordinate(folder, repeated, models={"rnn": 1, "gru": 1, "lstm": 1}, trials=9, seeds=2)
    assert (repeated.jobs, repeated.scored) == ([], [])


def test_several_objectives_have_a_front_and_no_sum(folder):
    def script(job):
        messages = scripted.trained(job)
        messages[-1][1]["parameters"] = 1000 * job.config["units"]
        return messages

    study = scripted.coordinate(folder, scripted.Scripted(script), trials=16, objectives=["score", "parameters"])
    chosen, records = study.front(), study.records()
    assert chosen[0].score == max(r.score for r in records)
    assert chosen[-1].parameters == min(r.parameters for r in records)
    for record in records:
        beaten = any(
            o.score >= record.score and o.parameters <= record.parameters
            and (o.score, o.parameters) != (record.score, record.parameters)
            for o in records
        )  # fmt: skip
        assert beaten == (record not in chosen)
    assert [len(t.values) for t in study.optuna.trials] == [2] * 16
    assert study.optuna.metric_names == ["score", "parameters"]


def test_two_workers_end_the_asked_number_of_trials_each_once(folder):
    executor = scripted.Scripted(workers=2)
    study = scripted.coordinate(folder, executor, trials=9)
    assert [r.index for r in study.records()] == list(range(9))
    assert len(executor.jobs) == 9
    assert len({str(sorted(r.params.items())) + r.family for r in study.records()}) == 9


def test_more_trials_go_on_from_where_an_earlier_search_ended(folder, tmp_path):
    (tmp_path / "whole").mkdir()
    whole = scripted.coordinate(tmp_path / "whole", scripted.Scripted(), trials=12, algorithm="race")
    scripted.coordinate(folder, scripted.Scripted(), trials=5, algorithm="race")
    assert told(scripted.coordinate(folder, scripted.Scripted(), trials=12, algorithm="race")) == told(whole)
    assert len(Study(folder).records()) == 12


def test_a_full_disk_ends_a_search_that_goes_on_once_there_is_space(folder, tmp_path):
    (tmp_path / "whole").mkdir()
    whole = scripted.coordinate(tmp_path / "whole", scripted.Scripted(), trials=12)
    scripted.coordinate(folder, scripted.Scripted(), trials=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "study.db").stat().st_size, hard))
        with pytest.raises(KeraseqError, match="free some space on its disk; the same command goes on"):
            scripted.coordinate(folder, scripted.Scripted(), trials=12)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert told(scripted.coordinate(folder, scripted.Scripted(), trials=12)) == told(whole)
