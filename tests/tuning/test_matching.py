"""Families brought to one size by any measure."""

import pytest

from keraseq import create_model
from keraseq.errors import UsageError
from keraseq.tuning import matching
from keraseq.tuning.matching import check_match, matched, reached


@pytest.mark.parametrize("family", ["gru", "tcn", "linear"])
def test_families_come_to_as_many_operations(digits, family) -> None:
    found = matched(family, digits, {"flops": 2_000_000}, {})
    model = create_model(family, digits, **found.settings())
    assert reached(model, digits, {"flops": 2_000_000})["flops"] == pytest.approx(2_000_000, rel=0.05)


def test_the_width_is_not_given_twice_and_too_little_is_refused(digits) -> None:
    with pytest.raises(UsageError, match="give flops or units, not both; got flops=9000 and units=8"):
        matched("gru", digits, {"flops": 9000}, {"units": 8})
    with pytest.raises(UsageError, match="flops must be at least 1888, the smallest GRU with these settings; got 100"):
        matched("gru", digits, {"flops": 100}, {})


def test_the_time_of_a_step_decides_the_width(digits, monkeypatch) -> None:
    """With times that are said, not measured: how long a step takes depends on the machine."""
    monkeypatch.setattr("keraseq.diagnostics.steps.step_time", lambda model, **_: 2.0 + model.count_params() / 1000)
    found = matched("rnn", digits, {"step-time": 10}, {})
    assert reached(create_model("rnn", digits, **found.settings()), digits, {"step-time": 10}) == {
        "step-time": pytest.approx(10, rel=0.1)
    }


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ({"step_time": 3}, "match must be one of parameters, flops, step-time; got 'step_time'"),
        ({"flops": 1, "parameters": 1}, "match is one measure; got flops and parameters"),
        ({"flops": 0}, "match flops must be above 0; got 0"),
    ],
)
def test_what_is_no_measure_is_refused(match, message) -> None:
    with pytest.raises(UsageError, match=message):
        check_match(match)


def test_fresh_seeds_train_the_width_that_was_solved_for(quick) -> None:
    study = quick(models=("linear",), trials=1, seeds=1, match={"flops": 20_000})
    (record,) = study.records()
    again = next(one for one in study.all_records() if one.replicate)
    assert record.match["flops"] == pytest.approx(20_000, rel=0.05)
    assert again.match == record.match
    assert study.attempts()[0, 0][-1].user_attrs["end"]["width"] > 1
    assert '"width": null' not in (study.folder(0, 1) / "job.json").read_text()
    assert matching.KINDS == ("parameters", "flops", "step-time")
