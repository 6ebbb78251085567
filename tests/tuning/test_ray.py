"""The executor `ray`: what `local` gives, on a cluster that loses workers and nodes."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from keraseq import search
from keraseq.errors import KeraseqError, UsageError
from keraseq.tuning import Study
from keraseq.tuning.view import SilentView

TRIALS = 3


@pytest.fixture(scope="module")
def ray():
    return pytest.importorskip("ray", reason="keraseq[ray] is not installed")


@pytest.fixture(scope="module")
def cluster(ray, hypermodels):
    """Head without CPUs, two nodes with one each; its address. The nodes find what this process finds."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for _ in range(2):
            made.add_node(num_cpus=1)
        made.wait_for_nodes()
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    """A search of seconds in a folder of its own."""

    def run(**settings):
        given = {"models": ["rnn", "linear"], "trials": TRIALS, "match": {"parameters": 1500}, "epochs": 2}
        given |= {"seeds": 0, "progress": False, "directory": tmp_path_factory.mktemp("search") / "study"}
        return search(digits, **(given | settings))

    return run


@pytest.fixture(scope="module")
def local(run):
    """What the same search gives with `local`."""
    return told(run())


def told(study):
    return [(r.index, r.family, dict(r.params), r.outcome, r.score, r.epochs) for r in study.records()]


class Killing(SilentView):
    """Kills once, in the middle of trial 1, the worker that trains it or the node where that is."""

    def __init__(self, node):
        self.node = node
        self.killed = None

    def update(self, progress):
        for running in progress.running:
            if self.killed is None and (running.launch.index, running.epoch) == (1, 1):
                (worker,) = workers()
                self.killed = [worker.parent(), worker] if self.node else [worker]
                for process in self.killed:
                    process.kill()


def workers():
    """Processes that train a trial."""
    return [p for p in psutil.Process().children(recursive=True) if p.name().startswith("ray::_run")]


@pytest.mark.slow
def test_two_workers_on_two_nodes_end_the_same_trials_and_local_goes_on(run, cluster, local, tmp_path):
    study = run(executor="ray", address=cluster.address, workers=2, trials=2, directory=tmp_path / "study")
    assert told(study) == local[:2]
    assert told(run(directory=tmp_path / "study")) == local


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["raise", "abort", "memory", "hang"])
def test_a_fault_becomes_its_outcome(hypermodels, digits, cluster, tmp_path, monkeypatch, fault):
    monkeypatch.setattr("keraseq.tuning.coordinator.GRACE", 3.0)
    given = {"memory": {"memory": 3.0}, "hang": {"trial_time": 2.0}}.get(fault, {})
    study = search(
        digits,
        hypermodel=hypermodels.Dense(fault),
        trials=1,
        epochs=2,
        seeds=0,
        progress=False,
        executor="ray",
        address=cluster.address,
        directory=tmp_path / "study",
        **given,
    )
    (record,) = study.records()
    outcome, message = {
        "raise": ("failed", "ValueError: on purpose"),
        "abort": ("killed", "its worker process or node went down, 2 times"),
        "memory": ("out of memory", "above 3.0 GiB of memory"),
        "hang": ("timed out", "did not stop"),
    }[fault]
    assert record.outcome == outcome
    assert message in record.message
    assert (study.folder(0) / "traceback.txt").exists() == (fault == "raise")


@pytest.mark.slow
def test_a_trial_whose_node_dies_runs_again_on_another(run, cluster, local):
    view = Killing(node=True)
    study = run(executor="ray", address=cluster.address, view=view)
    assert view.killed is not None
    assert told(study) == local
    assert [len(study.attempts()[index, 0]) for index in range(TRIALS)] == [1, 2, 1]


# Those that start a cluster of their own come last: it has a token, and Ray then asks one of all in this process.


@pytest.mark.slow
def test_ray_gives_what_local_gives_and_leaves_no_cluster(ray, run, local):
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    study = run(executor="ray")
    assert told(study) == local
    for record in study.records():
        assert {path.name for path in study.folder(record.index).iterdir()} == {
            "job.json", "history.jsonl", "model.keras", "card.json",
        }  # fmt: skip
        assert 0 < record.seconds < 60
    assert study.best().card["parameters"] == study.winner().parameters
    assert len(study.test_scores()) == 2
    assert not ray.is_initialized()
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    assert not [p.name() for p in left if "ray" in p.name() or p.name() in ("raylet", "gcs_server")]


@pytest.mark.slow
def test_a_trial_whose_worker_is_killed_runs_again(ray, run, local):
    view = Killing(node=False)
    study = run(executor="ray", view=view)
    assert view.killed is not None
    assert told(study) == local
    assert [len(study.attempts()[index, 0]) for index in range(TRIALS)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("nodes", "workers", "expected"),
    [
        ([{"CPU": 8.0}], 1, (8, 0)),
        ([{"CPU": 8.0}], 3, (2, 0)),
        ([{"CPU": 2.0}], 5, (1, 0)),
        ([{}, {"CPU": 1.0}, {"CPU": 1.0}], 1, (1, 0)),
        ([{"CPU": 16.0}, {"CPU": 16.0}], 3, (8, 0)),
        ([{"CPU": 16.0, "GPU": 4.0}], 2, (8, 2)),
        ([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 64.0}], 4, (8, 1)),
        ([], 2, (1, 0)),
    ],
)
def test_the_cluster_is_divided_among_the_workers(ray, nodes, workers, expected):
    from keraseq.ray_cluster import share

    assert share(nodes, workers) == expected


def test_ways_of_ray_to_lose_a_task_are_outcomes(ray):
    from keraseq.tuning.executors.ray import meaning

    ends = [meaning(ray.exceptions.OutOfMemoryError("x")), meaning(ray.exceptions.NodeDiedError("node 7 died"))]
    assert [end["outcome"] for end in ends] == ["out of memory", "killed"]
    assert "node 7 died" in ends[1]["message"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"executor": "rai"}, "executor must be one of local, ray; got 'rai'"),
        ({"address": "head:6379"}, "an address goes with executor ray"),
    ],
)
def test_bad_usage_is_found_before_anything_runs(run, tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        run(**settings, directory=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_without_ray_the_executor_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr("keraseq.tuning.search.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"executor ray needs Ray: pip install 'keraseq\[ray\]'"):
        run(executor="ray")


def test_an_address_where_nothing_answers_is_refused(ray, run, tmp_path):
    with pytest.raises(KeraseqError, match=r"no Ray cluster answers at '127.0.0.1:1' .* ray start --head"):
        run(executor="ray", address="127.0.0.1:1", directory=tmp_path / "study")
    with pytest.raises(KeraseqError, match="no study in"):
        Study(Path(tmp_path / "study"))
