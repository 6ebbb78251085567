"""`keraseq bench` and `keraseq reproduce`, as a user types them."""

import json

import pytest
from typer.testing import CliRunner

from keraseq.benchmarking import records
from keraseq.cli.app import app
from keraseq.cli.bench import _match, _seeds
from keraseq.errors import UsageError

SUITE = """
description = "One family for an epoch"

[defaults]
models = ["linear"]
seeds = [0, 4]
match = { parameters = 1500 }
training = { epochs = 1 }

[[task]]
name = "digits"
"""


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def succeeds(*arguments):
    result = invoke(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(*arguments):
    result = invoke(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


@pytest.fixture
def suite(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(SUITE)
    return file


def test_suites_are_listed_and_planned():
    listed = json.loads(succeeds("bench", "list", "--json"))
    assert {"smoke", "long_range", "tcn_paper", "standard", "length_generalisation", "speed"} <= set(listed)
    assert all(one["runs"] > 0 and one["description"] for one in listed.values())
    assert "long_range" in succeeds("bench", "list")
    runs = json.loads(
        succeeds("bench", "smoke", "-m", "tcn,gru", "--seeds", "4,", "--tasks", "adding*", "--plan", "--json")
    )
    assert {(run["family"], run["label"], run["seed"]) for run in runs} == {
        (family, label, 4) for family in ("tcn", "gru") for label in ("adding 20", "adding 40")
    }
    assert len({run["id"] for run in runs}) == 4
    assert "adding 20" in succeeds(
        "bench", "smoke", "--dry-run", "--match", "parameters=5000", "--tuned", 3, "--epochs", 1
    )


def test_a_suite_is_run_and_a_record_reproduced(suite, tmp_path, data_dir, digits):
    folder = tmp_path / "bench"
    first = succeeds("bench", suite, "-d", folder, "--data-dir", data_dir, "--seeds", 1)
    assert "digits  linear  seed 0  accuracy" in first
    assert "score on test" in first
    assert f"1 of 1 runs on record, 0 not completed: {folder / 'records.jsonl'}" in first
    told = json.loads(succeeds("bench", suite, "-d", folder, "--data-dir", data_dir, "--json"))
    assert [record["seed"] for record in told["records"]] == [0, 4]
    assert told["problems"] == []
    (one, two) = records.read(folder).records
    assert [one.to_json(), two.to_json()] == told["records"]
    again = json.loads(succeeds("reproduce", folder / one.id, "--data-dir", data_dir, "--json"))
    assert (again["exact"], again["then"], again["now"]) == (True, one.score, one.score)


def test_a_benchmark_of_which_nothing_completed_exits_with_1(suite, tmp_path, data_dir):
    suite.write_text(SUITE.replace('"digits"', '"trec"').replace("[0, 4]", "1"))
    result = invoke("bench", suite, "-d", tmp_path / "bench", "--data-dir", data_dir)
    assert result.exit_code == 1
    assert "1 of 1 runs on record, 1 not completed" in result.output
    assert "failed" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["smok"], "no suite named 'smok'; did you mean 'smoke'?"),
        (["smoke", "-m", "gruu"], "no model named 'gruu'; did you mean 'gru'?"),
        (["smoke", "--tasks", "addin"], "no task of the suite named 'addin'"),
        (["smoke", "--seeds", "0,0"], "seed 0 is there 2 times"),
        (["smoke", "--seeds", "many"], "--seeds takes how many, such as 3, or which, such as 0,1,2; got 'many'"),
        (["smoke", "--match", "parameters"], "--match takes NAME=VALUE"),
        (["smoke", "--match", "parameters=few"], "--match takes MEASURE=NUMBER"),
        (["smoke", "--match", "size=3"], "match must be one of parameters, flops, step-time; got 'size'"),
    ],
)
def test_wrong_options_are_refused(arguments, said):
    assert said in refused("bench", *arguments, "--plan")


def test_texts_of_options():
    assert (_seeds("3"), _seeds("5,"), _seeds("0,2")) == (3, [5], [0, 2])
    assert _match(None) is None
    assert _match("none") == {}
    assert _match("parameters=16000|60000") == {"parameters": [16000, 60000]}
    assert _match("flops=1e6") == {"flops": [1e6]}
