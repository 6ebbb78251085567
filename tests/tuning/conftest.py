"""Searches that children of this process run."""

import sys
from pathlib import Path

import pytest

from keraseq import search


@pytest.fixture(scope="session")
def hypermodels():
    """The module of hypermodels, importable by children under the same name."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    import hypermodels

    yield hypermodels
    sys.path.remove(folder)


@pytest.fixture
def quick(digits, tmp_path):
    """A search of seconds: one epoch a trial, small models."""

    def run(models=("rnn", "linear"), trials=2, directory=tmp_path / "study", **settings):
        given = {"match": {"parameters": 1500}, "epochs": 1, "seeds": 0, "progress": False} | settings
        return search(digits, models, trials=trials, directory=directory, **given)

    return run
