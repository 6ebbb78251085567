"""Records run again: the same comes of them, and what was edited, or differs, is told of."""

import json

import pytest

from keraseq.benchmarking import records
from keraseq.benchmarking.records import Record
from keraseq.benchmarking.reproduce import changes, expected, find, reproduce
from keraseq.errors import UsageError
from keraseq.files import DamagedFileError


@pytest.fixture
def some(small):
    """A record that was run."""
    return small.records[1]


def test_a_record_is_reproduced_exactly(small, some, data_dir):
    done = reproduce(small.path / some.id[:8], data_dir=data_dir)
    assert done.exact
    assert done.confirmed
    assert done.changed == []
    assert (done.score, done.validation) == (some.score, some.validation)
    assert done.verdict == "exactly the same scores"
    assert len(done.siblings) == 3
    assert done.mean.low <= done.mean.mean <= done.mean.high


@pytest.fixture
def again(monkeypatch, some):
    """Runs end at once, with the facts of `some` and what is given besides."""

    def again(**changes):
        facts = {"outcome": "completed", "score": some.validation, "test": some.test, "devices": ["CPU"], **changes}
        monkeypatch.setattr("keraseq.benchmarking.reproduce._run", lambda *_: facts)

    return again


def test_other_scores_are_held_against_those_of_other_seeds(small, some, again):
    scores = sorted(one.score for one in small.records)
    again(test={**some.test, "accuracy": sum(scores) / 3 + 1e-9})
    done = reproduce(small.path / some.id)
    assert (done.exact, done.inside, done.confirmed) == (False, True, True)
    assert done.verdict.startswith("not the same, although libraries, data and processor are; inside ")
    again(test={**some.test, "accuracy": 5.0})
    done = reproduce(small.path / some.id, seed=77)
    assert (done.exact, done.inside, done.confirmed) == (False, False, False)
    assert done.verdict.startswith("with another seed; outside ")
    again(outcome="diverged", message="NaN", score=None, test={})
    assert reproduce(small.path / some.id).verdict == "it did not complete: diverged NaN"


def test_without_other_seeds_only_the_same_scores_confirm_a_record(some, again, tmp_path):
    old = {**some.to_json(), "versions": {**some.versions, "keras": "0.1"}}
    del old["sha256"]
    records.append(tmp_path / "records.jsonl", records.of(old))
    again()
    assert reproduce(tmp_path).confirmed
    again(score=some.validation + 1e-9)
    done = reproduce(tmp_path)
    assert (done.exact, done.inside, done.confirmed) == (False, None, False)
    assert [change.partition(" ")[0] for change in done.changed] == ["keras"]
    assert done.verdict.startswith("not the same, on another system; there are no runs with other seeds")


def test_records_are_found_by_folder_file_and_first_digits(small, some, tmp_path):
    for source in (small.path / some.id, small.path / some.id[:9], small.path / "records.jsonl" / some.id):
        record, others = find(source)
        assert record == some
        assert sorted(one.seed for one in others) == [0, 2]
    single = tmp_path / "one.json"
    single.write_text(json.dumps(some.to_json()))
    assert find(single) == (some, [])
    with pytest.raises(UsageError, match=r"has 0 records zzz…; give one of them"):
        find(small.path / "zzz")
    with pytest.raises(UsageError, match=r"has 3 records …; give one of them"):
        find(small.path)
    with pytest.raises(UsageError, match=r"a record is FOLDER/ID or a file that holds it; got .*nowhere/123"):
        find(tmp_path / "nowhere" / "123")


def test_an_edited_record_is_not_run(some, tmp_path):
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps({**some.to_json(), "seed": 9}) + "\n")
    with pytest.raises(DamagedFileError, match=r"no record with that id can be used. line 1 of .* edited by hand"):
        reproduce(tmp_path / some.id)


@pytest.mark.parametrize(
    ("facts", "said"),
    [({"kind": "speed"}, "measured speed"), ({"outcome": "failed"}, "did not complete \\(failed\\)")],
)
def test_what_cannot_be_reproduced_is_said(tmp_path, facts, said):
    records.append(tmp_path / "records.jsonl", Record(id="run0", suite="s", task="adding", family="gru", **facts))
    with pytest.raises(UsageError, match=said):
        reproduce(tmp_path)


def test_where_one_more_seed_is_expected_is_wider_than_all_of_them():
    assert expected([0.5]) is None
    low, high = expected([1.0, 2.0, 3.0])
    assert low == pytest.approx(2 - 4.302653 * (4 / 3) ** 0.5)
    assert high == pytest.approx(2 + 4.302653 * (4 / 3) ** 0.5)


def test_what_differs_is_named(some):
    machine = {**some.machine, "processor": "Other", "memory": 1}
    assert changes(some, some.machine, some.data) == []
    assert changes(some, machine, "digits/2.0.0") == [
        f"processor {some.machine['processor']} → Other",
        "data digits/1.0.0 → digits/2.0.0",
    ]
