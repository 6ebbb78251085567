"""Small tasks, prepared once for all tests in folders of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keraseq.tasks import Task, load_task


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASEQ_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def digits(data_dir: str) -> Task:
    return load_task("digits", data_dir=data_dir)


@pytest.fixture(scope="session")
def adding(data_dir: str) -> Task:
    return load_task("adding", data_dir=data_dir, length=30, train_examples=1000, test_examples=400, batch_size=32)
