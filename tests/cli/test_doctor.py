"""`keraseq doctor`."""

import json
from collections import namedtuple

import pytest

from keraseq.diagnostics import doctor
from keraseq.registry import strategies


@pytest.fixture
def told(keraseq, monkeypatch, tmp_path):
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def run():
        code, out, _ = keraseq("doctor", "--json", "--data-dir", tmp_path)
        assert code == 0
        return json.loads(out)

    return run


def test_it_tells_versions_devices_strategies_and_folders(told, tmp_path):
    found = told()
    assert set(found["versions"]) >= {"python", "keraseq", "keras", "tensorflow"}
    assert set(found["strategies"]) == set(strategies.names())
    assert found["strategies"]["cpu"].startswith("All work on the CPU")
    assert found["strategies"]["multiworker"].startswith("not here: strategy 'multiworker' needs a cluster")
    assert found["strategies"]["data-parallel"].startswith("not here: strategy 'data-parallel' needs Keras on jax")
    assert str(tmp_path) in found["folders"]["data"]
    assert found["extras"]["test"] == "installed"


def test_a_cluster_is_told_and_not_joined(told, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1", "c:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    found = told()["strategies"]["multiworker"]
    assert found.endswith("Would join 3 workers.")


def test_what_is_wrong_comes_with_its_remedy(told, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    problems = told()["problems"]
    assert any("less than 2 GiB are free for cache" in problem and "make room" in problem for problem in problems)
