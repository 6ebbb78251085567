"""`kill -9` at any instant: the same command goes on, and no record is lost or doubled."""

import contextlib
import random
import subprocess
import sys
import time

import psutil
import pytest

from keraseq import benchmark
from keraseq.benchmarking import records
from keraseq.errors import KeraseqError

KILLS = 8


def told(path):
    return {one.id: (one.label, one.family, one.seed, one.validation, one.test, one.outcome) for one in path}


def on_record(folder):
    with contextlib.suppress(KeraseqError):
        return records.read(folder).records
    return []


@pytest.mark.slow
def test_a_benchmark_that_is_killed_at_random_moments_comes_to_the_same_records(tiny, data_dir, tmp_path):
    untouched = benchmark(tiny, directory=tmp_path / "untouched", data_dir=data_dir, workers=2, progress=False)
    folder, moments = tmp_path / "bench", random.Random(0)
    command = [sys.executable, "-m", "keraseq", "bench", str(tiny), "-d", str(folder), "--data-dir", data_dir]
    command += ["--workers", "2"]
    kills = 0
    while kills < KILLS:
        before = len(on_record(folder))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        late = moments.random() < 0.6  # else somewhere in its start
        while late and len(on_record(folder)) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(moments.uniform(0.0, 1.0 if late else 6.0))
        assert process.poll() is None, f"the benchmark ended before it was killed {KILLS} times"
        process.kill()
        process.wait()
        kills += 1
        assert len(on_record(folder)) >= before
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = records.read(folder)
    assert found.problems == []
    assert told(found.records) == told(untouched.records)
    lines = (folder / records.NAME).read_text().splitlines()
    assert len(lines) == len(untouched.records) == 12
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(p.info["cmdline"] or [])]
