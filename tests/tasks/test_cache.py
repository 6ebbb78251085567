"""The cache: whole or not there, whoever dies or races; what it depends on; where it lies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keraseq.errors import KeraseqError
from keraseq.tasks import Task, cache, load_task, task_config


def place(name: str, **settings: object) -> Path:
    return cache.place(name, task_config(name, settings).identity(None))


def test_equal_data_share_a_folder_and_others_do_not() -> None:
    assert place("imdb_reviews", batch_size=1) == place("imdb_reviews", batch_size=64)
    settings: tuple[dict[str, object], ...] = (
        {},
        {"max_length": 5},
        {"tokeniser": "bytes"},
        {"truncate": "end"},
        {"split_seed": 1},
    )
    assert len({place("imdb_reviews", **chosen) for chosen in settings}) == len(settings)
    assert place("digits") != place("mnist")
    assert place("glue/rte").parent == place("digits").parent


def test_another_data_dir_is_another_unregistered_data_set() -> None:
    config = task_config("glue/rte", {})
    assert config.identity("/a") != config.identity("/b")
    assert task_config("mnist", {}).identity("/a") == task_config("mnist", {}).identity("/b")


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASEQ_CACHE_DIR", "/own")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache.directory() == Path("/own")
    monkeypatch.delenv("KERASEQ_CACHE_DIR")
    assert cache.directory() == Path("/xdg/keraseq")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.directory() == Path.home() / ".cache" / "keraseq"


def test_a_hit_is_read_without_tensorflow(digits: Task, data_dir: str) -> None:
    code = """
import sys
from keraseq.tasks import load_task
task = load_task("digits", data_dir=sys.argv[1], batch_size=8)
assert task.steps("train") == 163
assert task.summary()["examples"] == {"train": 1298, "validation": 144, "test": 355}
assert not {"tensorflow", "keras", "tensorflow_datasets"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code, data_dir], check=True, timeout=60)


def test_a_folder_whose_writing_fails_does_not_appear(tmp_path: Path) -> None:
    def fail() -> None:
        with cache.writing(tmp_path / "task") as folder:
            (folder / "file").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


def test_a_killed_writer_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    code = """
import os, pathlib, signal, sys
from keraseq.tasks import cache
with cache.writing(pathlib.Path(sys.argv[1])) as folder:
    (folder / "task.json").write_text("{")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    place = tmp_path / "task"
    assert subprocess.run([sys.executable, "-c", code, str(place)], timeout=60).returncode == -9
    assert not place.exists()
    with cache.writing(place) as folder:
        (folder / "file").write_text("whole")
    assert (place / "file").read_text() == "whole"


def test_stale_temporary_folders_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: Task, data_dir: str
) -> None:
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path))
    final = cache.place("digits", digits.config.identity(data_dir))
    stale = final.with_name(f"{final.name}.tmp-1-dead")
    stale.mkdir(parents=True)
    (stale / "task.json").write_text("{")
    assert load_task("digits", data_dir=data_dir).chance == digits.chance
    assert final.is_dir()


def test_of_two_writers_one_wins_and_neither_fails(tmp_path: Path) -> None:
    place = tmp_path / "task"
    with cache.writing(place) as slow:
        (slow / "file").write_text("slow")
        with cache.writing(place) as fast:
            (fast / "file").write_text("fast")
    assert (place / "file").read_text() == "fast"
    assert list(tmp_path.iterdir()) == [place]


def test_two_processes_prepare_at_once(tmp_path: Path) -> None:
    code = """
import random, sys
import tensorflow_datasets
from keraseq.tasks import load_task
print("ready", flush=True)
sys.stdin.readline()
random.seed(0)
print(load_task("digits", data_dir=sys.argv[1]).chance)
"""
    environment = os.environ | {"KERASEQ_CACHE_DIR": str(tmp_path / "cache"), "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    racers = [
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outcomes = [racer.communicate(timeout=120) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0], outcomes
    assert outcomes[0][0] == outcomes[1][0]
    assert len(list((tmp_path / "cache" / "tasks").iterdir())) == 1


def test_an_unwritable_folder_is_named_before_any_data_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(KeraseqError, match=r"file/cache.*Remedy: set KERASEQ_CACHE_DIR"):
        load_task("digits", data_dir=str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_damaged_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_dir: str) -> None:
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path))
    load_task("digits", data_dir=data_dir)
    [folder] = (tmp_path / "tasks").iterdir()
    (folder / "train.values.npy").write_bytes(b"")
    with pytest.raises(KeraseqError, match=f"{folder} cannot be read.*Remedy: delete that folder"):
        load_task("digits", data_dir=data_dir)
