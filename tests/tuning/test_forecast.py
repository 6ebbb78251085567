"""What a search is said to take, before it is run."""

import json

import pytest
from typer.testing import CliRunner

from keraseq.cli.app import app
from keraseq.config import Choice, Float, Int
from keraseq.errors import UsageError
from keraseq.models import Classification
from keraseq.tuning import space
from keraseq.tuning.budget import Budget
from keraseq.tuning.forecast import Rehearsal, _parts, _warnings, ends, forecast, forecast_table, foretold, typical
from keraseq.tuning.plan import Plan
from keraseq.tuning.ranges import to_json

GIB = 2**30


def plan(**settings):
    given = {"task": {"name": "digits"}, "models": {"gru": 1}, "algorithm": "random", "seed": 0, "seeds": 0}
    return Plan(**given | settings)


def rehearsal(family="gru", end="smallest", **facts):
    given = {
        "settings": {},
        "outcome": "completed",
        "step": 10.0,
        "validation_step": 5.0,
        "steps": 100,
        "validation_steps": 20,
        "test_steps": 40,
        "start_up": 4.0,
        "memory": GIB,
    }
    return Rehearsal(family=family, end=end, **given | facts)


@pytest.fixture(scope="module")
def told(digits):
    narrow = {"units": "4:12", "tcn/filters": "4:8", "tcn/levels": "1:2", "rnn/layers": "1:2"}
    return forecast(digits, ["rnn", "linear", "tcn"], trials=6, epochs=2, seeds=0, range=narrow)


def test_the_ends_of_every_family_are_measured(told) -> None:
    assert [(one.family, one.end) for one in told.rehearsals] == [
        (family, end) for family in ("rnn", "linear", "tcn") for end in ("smallest", "largest")
    ]
    for small, large in zip(told.rehearsals[::2], told.rehearsals[1::2], strict=True):
        assert small.outcome == large.outcome == "completed"
        assert 0 < small.parameters < large.parameters
        assert small.steps == 41
        for one in (small, large):
            assert one.step > 0
            assert one.validation_step > 0
            assert one.start_up > 0
            assert one.memory > GIB / 10
    assert told.trials == 6
    assert told.seconds > sum(told.parts.values()) > 0
    assert told.parts["finals"] == 0


def test_a_field_shorter_than_the_sequences_is_warned_of(told) -> None:
    assert told.rehearsals[4].receptive_field == 3
    assert any("tcn, smallest: its last step sees 3 steps" in line for line in told.warnings)
    assert not any(line.startswith(("rnn", "linear")) for line in told.warnings)


def test_the_table_has_every_family_and_json_all_of_it(told) -> None:
    table = forecast_table(told)
    assert table.row_count == 6
    assert list(table.columns[0].cells) == ["rnn", "", "linear", "", "tcn", ""]
    assert "for 6 trials" in foretold(told)[0]
    data = json.loads(json.dumps(told.to_json()))
    assert data["rehearsals"][0]["family"] == "rnn"
    assert data["seconds"] == told.seconds


def test_a_command_tells_it_and_writes_nothing(data_dir, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["-m", "linear", "--plan", "--json", "--epochs", "1", "--trials", "2", "--match", "flops=20000"]
    result = CliRunner().invoke(app, ["search", "digits", "--data-dir", data_dir, "--seeds", "0", *options])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [one["family"] for one in told["rehearsals"]] == ["linear", "linear"]
    assert told["rehearsals"][0]["match"]["flops"] == pytest.approx(20_000, rel=0.05)
    assert list(tmp_path.iterdir()) == []


def test_ends_are_those_of_whole_numbers_of_family_and_task() -> None:
    named = space.searched("tcn", Classification(("a", "b")), ranges={"tcn/filters": to_json(Int(8, 16))})
    small, large = ends(named).values()
    assert (small["tcn/filters"], large["tcn/filters"]) == (8, 16)
    assert (small["tcn/weight_norm"], large["tcn/weight_norm"]) == (False, True)
    apart = {name for name in small if small[name] != large[name]}
    whole = (Int, Choice)
    assert apart == {"tcn/filters", "tcn/kernel_size", "tcn/levels", "tcn/weight_norm"}
    assert all(isinstance(named[name].range, whole) for name in apart)
    assert isinstance(named["learning_rate"].range, Float)


def test_wall_time_is_that_of_the_trials_the_finals_and_the_test() -> None:
    # An epoch takes 1 s + 0.1 s, or 2 s + 0.1 s: trials of 3 epochs 7.3 s and 10.3 s, in the logarithmic mean 8.714 s.
    found = [rehearsal(), rehearsal(end="largest", step=20.0)]
    budget = Budget(trials=4, seconds=None, trial_seconds=None, memory=4 * GIB)
    parts, trials = _parts(found, plan(training={"epochs": 3}), budget, 2)
    assert trials == 4
    assert parts == {"search": pytest.approx(4 * 8.714 / 2, rel=1e-3), "finals": 0, "test": pytest.approx(4.2)}
    parts, _ = _parts(found, plan(training={"epochs": 3}, seeds=3), budget, 2)
    assert parts["finals"] == pytest.approx(3 * 8.714 / 2, rel=1e-3)
    assert parts["test"] == pytest.approx(3 * 4.2)


def test_a_typical_trial_lies_evenly_in_the_logarithm() -> None:
    assert typical([1.0, 100.0]) == pytest.approx(sum(100 ** (k / 1000) for k in range(1000)) / 1000, rel=1e-2)
    assert typical([100.0, 1.0]) == typical([1.0, 100.0])
    assert typical([3.0, 3.0]) == typical([None, 3.0]) == 3.0
    assert typical([None, None]) is None


def test_shares_weigh_and_time_tells_how_many_trials_fit() -> None:
    found = [rehearsal(), rehearsal(end="largest"), rehearsal("tcn", step=30.0)]  # 7.3 s and 13.3 s
    budget = Budget(trials=None, seconds=100.0, trial_seconds=None, memory=4 * GIB)
    shared = plan(models={"gru": 2, "tcn": 1}, training={"epochs": 3})
    assert _parts(found, shared, budget, 1)[1] == int(90 / ((2 * 7.3 + 13.3) / 3))
    short = Budget(trials=None, seconds=5.0, trial_seconds=None, memory=4 * GIB)
    trials = _parts(found, shared, short, 1)[1]
    assert trials == 0
    summary = {"lengths": {"train": {"95%": 64.0}}, "inputs": {"kind": "features", "size": 1, "length": 64}}
    assert any("no trial of all its epochs fits into 5 s" in line for line in _warnings(found, short, summary, trials))


def test_memory_near_its_limit_and_models_that_fail_are_warned_of() -> None:
    budget = Budget(trials=4, seconds=None, trial_seconds=None, memory=GIB)
    summary = {"lengths": {"train": {"95%": 64.0}}, "inputs": {"kind": "features", "size": 1, "length": 64}}
    lost = rehearsal(end="largest", outcome="out of memory", message="above 1.0 GiB", step=None, memory=None)
    near, failed = _warnings([rehearsal(), lost], budget, summary, 4)
    assert near.startswith("gru, smallest: 1.00 GiB of the 1.00 GiB that a trial may take")
    assert failed.startswith("gru, largest: out of memory: above 1.0 GiB")
    assert _parts([lost], plan(), budget, 1) == ({}, None)


def test_a_child_above_the_limit_is_killed_and_told_of(digits) -> None:
    told = forecast(digits, ["linear"], trials=2, epochs=1, seeds=0, memory=0.2, match={"parameters": 900})
    assert {one.outcome for one in told.rehearsals} == {"out of memory"}
    assert told.seconds is None
    assert foretold(told)[0] == "nothing could be run"


def test_a_hypermodel_and_what_search_refuses_are_refused() -> None:
    with pytest.raises(UsageError, match="forecast needs families"):
        forecast("digits", hypermodel=object())
    with pytest.raises(UsageError, match="no setting named 'epoch'"):
        forecast("digits", ["rnn"], epoch=3)
