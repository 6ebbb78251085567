"""Settings are checked before anything is read, and without TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import pytest

from keraseq.config import fields, settings_of
from keraseq.errors import KeraseqError, UsageError
from keraseq.registry import tasks
from keraseq.tasks import load_task, names, task_config
from keraseq.tasks.inferred import Inferred

REQUIRED = {"table": {"path": "own.csv"}}


def test_configurations_need_no_tensorflow() -> None:
    code = """
import sys
import keraseq.tasks
for name in keraseq.tasks.names():
    keraseq.tasks.task_config(name, {"path": "own.csv"} if name == "table" else {})
keraseq.tasks.task_config("glue/rte", {"max_length": "64"})
assert not {"tensorflow", "keras", "tensorflow_datasets", "tokenizers"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", names())
def test_every_setting_says_what_it_means(name: str) -> None:
    described = tasks.describe(name)
    assert described.summary
    assert described.tags
    assert described.reference
    assert all(field.meaning for field in fields(described.component))


@pytest.mark.parametrize("name", names())
def test_settings_survive_a_round_trip(name: str) -> None:
    config = task_config(name, {"batch_size": "7", **REQUIRED.get(name, {})})
    assert config.batch_size == 7
    assert task_config(name, settings_of(config)) == config


def test_an_unregistered_name_is_inferred_and_survives_a_round_trip() -> None:
    config = task_config("glue/rte", {"test_split": "validation"})
    assert isinstance(config, Inferred)
    assert task_config("glue/rte", settings_of(config)) == config
    with pytest.raises(UsageError, match="dataset is the name itself"):
        task_config("glue/cola", settings_of(config))


def test_an_alias_configures_the_same_task() -> None:
    assert task_config("imdb", {}) == task_config("imdb_reviews", {})
    assert task_config("imdb", {}).truncate == "start"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("digits", {"batch_size": 0}, "batch_size must be at least 1; got 0"),
        ("digits", {"batchsize": 1}, "did you mean 'batch_size'"),
        ("digits", {"validation": 1.0}, "validation must be a share above 0 and below 1; got 1.0"),
        ("digits", {"split_seed": -1}, "split_seed must not be negative; got -1"),
        ("adding", {"length": 1}, "length must be at least 2; got 1"),
        ("adding", {"length": 2.5}, "length must be int"),
        ("copy_memory", {"length": 0}, "length must be at least 1; got 0"),
        ("scan", {"split": "simpel"}, "split must be one of 'simple', 'length'"),
        ("scan", {"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\); got 1.0"),
        ("mnist", {"order": "column"}, "order must be one of 'pixel', 'permuted', 'row'; got 'column'"),
        ("trec", {"label": "finest"}, "label must be one of 'coarse', 'fine'; got 'finest'"),
        ("imdb_reviews", {"tokeniser": "bits"}, "tokeniser must be one of"),
        ("imdb_reviews", {"truncate": "middle"}, "truncate must be one of"),
        ("imdb_reviews", {"max_length": 0}, "max_length must be at least 1; got 0"),
        ("imdb_reviews", {"vocabulary_size": 2}, "vocabulary_size must be at least 3 with words; got 2"),
        ("imdb_reviews", {"tokeniser": "subwords", "vocabulary_size": 100}, "at least 258 with subwords; got 100"),
        ("any_name", {"test": 0.0}, "test must be a share above 0 and below 1"),
        ("any_name", {"test_split": "train"}, "test_split must name a split other than train"),
        ("any_name", {"order": "column"}, "order must be one of"),
    ],
)
def test_wrong_settings_are_told(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_task(name, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "near"), [("digit", "digits"), ("mnistt", "mnist"), ("yelp_polarity_review", "yelp")])
def test_an_unknown_name_suggests_the_nearest(name: str, near: str, data_dir: str) -> None:
    with pytest.raises(UsageError, match=f"no task named '{name}'; did you mean .*{near}"):
        load_task(name, data_dir=data_dir)


def test_an_unknown_configuration_or_version_is_told(data_dir: str) -> None:
    with pytest.raises(UsageError, match="no configuration of glue named 'sst'; did you mean 'sst2'"):
        load_task("glue/sst", data_dir=data_dir)
    with pytest.raises(KeraseqError, match=r"only: 3\.0\.1"):
        load_task("mnist:9.9.9", data_dir=data_dir)
