"""A small suite that is run for real, folders of benchmarks that nobody ran, a study of which nothing was trained."""

import importlib.util
import sys
from pathlib import Path

import pytest

from keraseq import benchmark
from keraseq.tasks import load_task

sys.path.insert(0, str(Path(__file__).parent))  # for `made`

TINY = """
description = "Two families for an epoch"

[defaults]
models = ["rnn", "linear"]
seeds = 3
match = { parameters = 1500 }
training = { epochs = 1 }

[[task]]
name = "digits"

[[task]]
name = "parity"
settings = { length = 20, train_examples = 500, test_examples = 100 }
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The file of the suite."""
    file = tmp_path_factory.mktemp("suites") / "tiny.toml"
    file.write_text(TINY)
    return file


@pytest.fixture(scope="session")
def small(tiny, digits, data_dir, tmp_path_factory):
    """What came of a part of the suite: one family on digits, three seeds."""
    folder = tmp_path_factory.mktemp("small") / "bench"
    return benchmark(tiny, ["linear"], tasks="digits", directory=folder, data_dir=data_dir, progress=False)


@pytest.fixture(scope="session")
def made():
    """The module of records."""
    import made

    return made


@pytest.fixture(scope="session")
def whole(made, tmp_path_factory):
    """A folder of a benchmark of five families on five rows, three seeds each, with failures and speeds."""
    return made.write(tmp_path_factory.mktemp("benchmarks") / "whole", made.everything())


@pytest.fixture(scope="session")
def thirty(data_dir, tmp_path_factory):
    """The folder of a study of 30 trials."""
    where = importlib.util.spec_from_file_location("synthetic", Path(__file__).parents[1] / "tuning" / "synthetic.py")
    synthetic = importlib.util.module_from_spec(where)
    where.loader.exec_module(synthetic)
    path = tmp_path_factory.mktemp("studies") / "thirty"
    return synthetic.written(path, load_task("digits", data_dir=data_dir), synthetic.thirty()).path


@pytest.fixture(scope="session")
def full(whole, thirty):
    """The report of both."""
    for library in ("jinja2", "matplotlib", "scikit_posthocs"):
        pytest.importorskip(library, reason="reports need keraseq[report]")
    from keraseq.benchmarking.report import report

    return report([whole, thirty])


@pytest.fixture(scope="session")
def file(full, tmp_path_factory):
    """Its page."""
    from keraseq.benchmarking.report import write

    return write(full, tmp_path_factory.mktemp("pages") / "report.html")
