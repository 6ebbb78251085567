"""`kill -9` of anything, at any instant: the same command goes on, and nothing is lost or counted twice."""

import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from keraseq.tuning import Study

TRIALS = 6


def command(data_dir, folder):
    options = [
        "--models",
        "rnn,linear",
        "--trials",
        str(TRIALS),
        "--match",
        "parameters=1500",
        "--epochs",
        "2",
        "--seeds",
        "0",
    ]
    return [
        *(sys.executable, "-m", "keraseq", "search", "digits", "--data-dir", data_dir, "--directory", str(folder)),
        *options,
    ]


def told(folder):
    return [(r.index, r.family, dict(r.params), r.outcome, r.score) for r in Study(folder).records()]


@pytest.fixture(scope="module")
def untouched(digits, data_dir, tmp_path_factory):
    """What the search gives when nobody kills it."""
    folder = tmp_path_factory.mktemp("untouched") / "study"
    subprocess.run(command(data_dir, folder), check=True, capture_output=True, timeout=300)
    assert len(told(folder)) == TRIALS
    return told(folder)


@pytest.mark.slow
def test_a_coordinator_killed_at_random_instants_loses_nothing(digits, data_dir, tmp_path, untouched):
    folder, kills, moments = tmp_path / "study", 0, random.Random(0)
    while True:
        process = subprocess.Popen(command(data_dir, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=moments.uniform(0.5, 9.0) if kills < 6 else 300)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors.decode()
        assert kills <= 6
    assert kills >= 3
    found = told(folder)
    # A trial that went down with its coordinator twice is not tried again; the others are as if nothing happened.
    lost = [row for row in found if row[3] == "killed"]
    assert [row[0] for row in found] == list(range(TRIALS))
    assert [row for row in found if row not in lost] == [row for row in untouched if row[0] not in {r[0] for r in lost}]
    assert (folder / "best" / "model.keras").is_file()


@pytest.mark.slow
def test_a_killed_child_is_an_outcome_and_the_others_are_untouched(digits, data_dir, tmp_path, untouched):
    folder = tmp_path / "study"
    process = subprocess.Popen(command(data_dir, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: (folder / "trials" / "0002" / "history.jsonl").exists())
    children = [
        p for p in psutil.Process(process.pid).children(recursive=True) if "forkserver" in " ".join(p.cmdline())
    ]
    youngest = max(children, key=lambda p: p.create_time())
    os.kill(youngest.pid, signal.SIGKILL)
    assert process.wait(timeout=300) == 0, process.stderr.read().decode()
    process.stderr.close()
    found = told(folder)
    assert found[2][3] == "killed"
    assert [row for row in found if row[0] != 2] == [row for row in untouched if row[0] != 2]


@pytest.mark.slow
def test_ctrl_c_leaves_a_study_that_goes_on_and_no_processes(digits, data_dir, tmp_path, untouched):
    folder = tmp_path / "study"
    process = subprocess.Popen(
        command(data_dir, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored by what runs in the background
    )
    wait_for(lambda: (folder / "trials" / "0001" / "history.jsonl").exists())
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    subprocess.run(command(data_dir, folder), check=True, capture_output=True, timeout=300)
    assert told(folder) == untouched


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
