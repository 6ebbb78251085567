"""A small suite that is run for real, once for all tests."""

import pytest

from keraseq import benchmark

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
