"""Searches that children of this process run."""

import sys
from pathlib import Path

import pytest

from keraseq import search

sys.path.insert(0, str(Path(__file__).parent))  # for `scripted`, and `hypermodels`, which children import too


@pytest.fixture(scope="session")
def hypermodels():
    """The module of hypermodels."""
    import hypermodels

    return hypermodels


@pytest.fixture
def quick(digits, tmp_path):
    """A search of seconds: one epoch a trial, small models."""

    def run(models=("rnn", "linear"), trials=2, directory=tmp_path / "study", **settings):
        given = {"match": {"parameters": 1500}, "epochs": 1, "seeds": 0, "progress": False} | settings
        return search(digits, models, trials=trials, directory=directory, **given)

    return run
