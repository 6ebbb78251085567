"""A job of several workers on a Ray cluster: as on one machine, and over when a worker is killed."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def ray():
    pytest.importorskip("ray", reason="keraseq[ray] is not installed")


def start(data_dir, folder, *options):
    settings = ["--epochs", "3", "--set", "training.patience=null", "--data-dir", data_dir, "-d", str(folder)]
    command = [sys.executable, "-m", "keraseq", "train", "gru", "digits", *settings, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers(folder):
    """The processes that train."""
    commands = ((process, process.cmdline()) for process in psutil.process_iter())
    return [p for p, command in commands if "keraseq" in command and str(folder) in command and "raylet" not in command]


def begun(job, folder):
    """Waits for the end of an epoch."""
    history = folder / "history.jsonl"
    while job.poll() is None and not (history.exists() and history.read_text()):
        time.sleep(0.05)


def test_it_is_the_job_of_one_machine_and_a_killed_worker_ends_it(digits, data_dir, tmp_path):
    local = start(data_dir, tmp_path / "local", "--local-workers", "2")
    local.communicate(timeout=300)
    assert local.returncode == 0
    folder = tmp_path / "ray"
    job = start(data_dir, folder, "--ray-workers", "2", "--checkpoint-seconds", "0")
    begun(job, folder)
    victim = next(process for process in workers(folder) if process.pid != job.pid)
    victim.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    _, errors = job.communicate(timeout=120)
    assert time.monotonic() - killed < 30
    assert job.returncode == 1
    assert "was ended by SIGKILL, and so the job; run it again with --resume" in errors
    assert not workers(folder)
    again = start(data_dir, folder, "--ray-workers", "2", "--resume")
    out, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert "epoch 3/3" in out + errors
    assert (folder / "history.jsonl").read_text() == (tmp_path / "local" / "history.jsonl").read_text()


def test_sigterm_reaches_the_workers_and_they_save(digits, data_dir, tmp_path):
    job = start(data_dir, tmp_path, "--epochs", "200", "--ray-workers", "2")
    begun(job, tmp_path)
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=120)
    assert job.returncode == 75
    assert list((tmp_path / "checkpoints").iterdir())
    assert not workers(tmp_path)
