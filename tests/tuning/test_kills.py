"""`kill -9` of anything, at any instant: the same command goes on, and nothing is lost or counted twice."""

import contextlib
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from keraseq.errors import KeraseqError
from keraseq.tuning import Study
from keraseq.tuning.record import is_settled

TRIALS = 56
KILLS = 25
COORDINATORS = 8  # of the kills


def command(data_dir, folder, trials=TRIALS):
    options = ["--models", "rnn,linear", "--trials", str(trials), "--epochs", "1", "--seeds", "0", "--workers", "2"]
    options += ["--match", "parameters=1500", "--algorithm", "random"]
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
    subprocess.run(command(data_dir, folder), check=True, capture_output=True, timeout=600)
    assert len(told(folder)) == TRIALS
    return told(folder)


def running(folder):
    """How often each trial that runs was launched, the latest launch last; nothing where there is no study yet."""
    with contextlib.suppress(KeraseqError):
        launched = [launches for launches in Study(folder).attempts().values() if not is_settled(launches[-1])]
        return [len(launches) for launches in sorted(launched, key=lambda launches: launches[-1].number)]
    return []


def may_be_killed(folder, victim):
    """Whether what it hits has not been hit before: a trial that goes down twice is given up."""
    launches = running(folder)
    return bool(launches) and (launches[-1] == 1 if victim == "child" else set(launches) == {1})


def children(process):
    """The processes that train: children of the fork server."""
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)
        servers = {p.pid for p in below if "forkserver" in " ".join(p.cmdline()) and p.ppid() == process.pid}
        return [p for p in below if p.ppid() in servers]
    return []


@pytest.mark.slow
def test_coordinators_and_children_killed_at_25_random_instants_lose_nothing(digits, data_dir, tmp_path, untouched):
    folder, moments, killed = tmp_path / "study", random.Random(0), {"coordinator": 0, "child": 0}
    victims = ["coordinator"] * COORDINATORS + ["child"] * (KILLS - COORDINATORS)
    moments.shuffle(victims)
    process = subprocess.Popen(command(data_dir, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while victims:
        wait_for(lambda p=process: p.poll() is not None or (may_be_killed(folder, victims[-1]) and children(p)))
        time.sleep(moments.uniform(0.0, 0.5))
        assert process.poll() is None, "the search ended before it was killed often enough"
        trained = children(process)
        if not may_be_killed(folder, victims[-1]) or not trained:
            continue
        victim = victims.pop()
        killed[victim] += 1
        if victim == "child":
            with contextlib.suppress(psutil.NoSuchProcess):
                max(trained, key=lambda child: child.create_time()).kill()
            continue
        process.kill()
        process.communicate()
        process = subprocess.Popen(command(data_dir, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors.decode()
    assert killed == {"coordinator": COORDINATORS, "child": KILLS - COORDINATORS}
    found = told(folder)
    assert [row[0] for row in found] == list(range(TRIALS))
    assert found == untouched
    assert Study(folder).winner().index == max(untouched, key=lambda row: (row[4], -row[0]))[0]
    assert (
        sum(len(launches) > 1 for launches in Study(folder).attempts().values()) >= KILLS - 2
    )  # one may have ended as it was killed
    assert (folder / "best" / "model.keras").is_file()


@pytest.mark.slow
def test_ctrl_c_leaves_a_study_that_goes_on_and_no_processes(digits, data_dir, tmp_path, untouched):
    folder = tmp_path / "study"
    process = subprocess.Popen(
        command(data_dir, folder, trials=4),
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
    subprocess.run(command(data_dir, folder, trials=4), check=True, capture_output=True, timeout=300)
    assert told(folder) == untouched[:4]


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
