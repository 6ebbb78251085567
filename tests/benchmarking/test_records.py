"""Records of runs: what was written is read again, and what is damaged is told of and nothing else lost."""

import json
import subprocess
import sys

import pytest

from keraseq.benchmarking import records
from keraseq.benchmarking.records import Record
from keraseq.errors import KeraseqError, UsageError
from keraseq.files import DamagedFileError


def record(number, **facts):
    known = {"suite": "mine", "task": "adding", "label": "adding 20", "family": "gru", "seed": number}
    return Record(id=f"run{number}", **{**known, "metric": "mse", "direction": "min", "test": {"mse": 0.1}, **facts})


@pytest.fixture
def three(tmp_path):
    path = tmp_path / "records.jsonl"
    for number in range(3):
        records.append(path, record(number))
    return path


def ids(found):
    return [one.id for one in found.records]


def test_records_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "records.jsonl"
    whole = record(
        0,
        settings={"length": 20},
        training={"clip_norm": None},
        curve=[{"epoch": 1, "loss": 0.25}],
        seconds=1.5,
        message="größer",
        match={"parameters": 60_000},
        cost={"memory": 12},
    )
    records.append(path, whole)
    assert records.read(path) == records.read(tmp_path) == records.Records([whole], [])
    assert records.read(path).records[0].score == 0.1


def test_numbers_that_are_not_finite_are_absent(tmp_path):
    path = tmp_path / "records.jsonl"
    nan = float("nan")
    records.append(path, record(0, validation=nan, test={"mse": float("inf")}, curve=[{"epoch": 1, "loss": nan}]))
    assert "NaN" not in path.read_text()
    assert "Infinity" not in path.read_text()
    (found,) = records.read(path).records
    assert (found.validation, found.test, found.curve) == (None, {"mse": None}, [{"epoch": 1, "loss": None}])


def test_a_truncated_last_line_is_dropped_told_of_and_mended(three):
    whole = three.read_bytes()
    three.write_bytes(whole[:-40])
    found = records.read(three)
    assert ids(found) == ["run0", "run1"]
    assert found.problems == [
        f"line 3 of {three}: cut short, as by a kill, and left out; run the benchmark again to repeat it"
    ]
    records.mend(three)
    records.append(three, record(2))
    assert three.read_bytes() == whole


def test_a_last_line_that_only_lacks_its_end_is_kept(three):
    whole = three.read_bytes()
    three.write_bytes(whole[:-1])
    assert ids(records.read(three)) == ["run0", "run1", "run2"]
    records.mend(three)
    assert three.read_bytes() == whole


def test_mending_what_is_whole_or_absent_changes_nothing(three, tmp_path):
    before = three.read_bytes()
    records.mend(three)
    records.mend(tmp_path / "none.jsonl")
    assert three.read_bytes() == before
    assert not (tmp_path / "none.jsonl").exists()


def test_an_edited_record_is_left_out_and_told_of(three):
    lines = three.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace('"mse": 0.1', '"mse": 0.01')
    three.write_text("".join(lines))
    found = records.read(three)
    assert ids(found) == ["run0", "run2"]
    (problem,) = found.problems
    assert problem.startswith(f"line 2 of {three} is left out: its checksum does not hold, so it was edited by hand")
    assert "restore the line, or run the benchmark again" in problem


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", "Expecting value"),
        ("[1]", "no record with a checksum"),
        ('{"format": 1}', "no record with a checksum"),
        ('{"seconds": NaN, "sha256": ""}', "NaN"),
    ],
)
def test_a_line_that_is_no_record_is_left_out(three, line, said):
    three.write_text(line + "\n" + three.read_text())
    found = records.read(three)
    assert ids(found) == ["run0", "run1", "run2"]
    assert len(found.problems) == 1
    assert said in found.problems[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "this keraseq reads 1"),
        ({"colour": "red"}, "no setting named 'colour'"),
        ({"seed": "first"}, "seed must be int"),
        ({"outcome": "fine"}, "outcome must be one of"),
        ({"kind": "walk"}, "kind must be one of run, speed"),
        ({"direction": "up"}, "direction must be max, min"),
        ({"family": ""}, "family is missing"),
    ],
)
def test_a_record_with_a_right_checksum_and_wrong_content_is_refused(three, change, said):
    data = record(7).to_json()
    del data["sha256"]
    data |= change
    with pytest.raises(UsageError, match=said):
        records.of(data)
    with three.open("a") as file:
        file.write(json.dumps({**data, "sha256": records.checksum(data)}) + "\n")
    found = records.read(three)
    assert len(found.records) == 3
    assert said in found.problems[0]


def test_the_order_of_keys_does_not_matter_and_a_value_does():
    data = record(1).to_json()
    assert records.of(dict(reversed(data.items()))) == record(1)
    with pytest.raises(DamagedFileError, match="edited by hand"):
        records.of({**data, "seed": 5})


def test_of_a_run_that_completed_the_first_record_is_kept(three):
    records.append(three, record(1, test={"mse": 0.0}))
    found = records.read(three)
    assert ids(found) == ["run0", "run1", "run2"]
    assert found.records[1].score == 0.1
    assert found.problems == [f"line 4 of {three}: a second record of run run1; the first is kept, delete this line"]


def test_of_a_run_that_did_not_complete_the_last_record_stands(tmp_path):
    path = tmp_path / "records.jsonl"
    records.append(path, record(0, outcome="killed", message="SIGKILL"))
    records.append(path, record(1))
    records.append(path, record(0))
    found = records.read(path)
    assert [(one.id, one.outcome) for one in found.records] == [("run0", "completed"), ("run1", "completed")]
    assert found.problems == []


def test_what_is_not_there_or_cannot_be_written_is_said(tmp_path):
    with pytest.raises(KeraseqError, match=r"no records at .*give the folder of a benchmark"):
        records.read(tmp_path)
    with pytest.raises(KeraseqError, match=r"cannot write to .*then the same command goes on"):
        records.append(tmp_path, record(0))


def test_reading_records_takes_no_tensorflow():
    code = "import sys, keraseq.benchmarking.records; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "False"
