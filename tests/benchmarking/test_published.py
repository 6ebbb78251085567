"""Published numbers: whole, in agreement with the tasks, and in the unit of the paper."""

import re

import pytest

from keraseq.benchmarking.published import lookup, rows, sources
from keraseq.registry import models, tasks
from keraseq.tasks import task_config


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.source} {row.name}")
def test_every_row_is_of_a_task_in_settings_that_it_has(row):
    config = task_config(row.task, row.settings)
    assert config.called.partition(" ")[0] == row.task
    assert row.scores
    assert row.direction in ("max", "min")
    assert row.source in sources()
    assert row.models.keys() <= row.scores.keys()
    for name in row.scores:  # as it is called here, or by its own name and not nearly by ours
        assert name in models.names() or name.lower() not in models.names()
    assert re.fullmatch(r"\d{4}\.\d{5}", sources()[row.source].arxiv)


def test_tasks_and_published_rows_tell_the_same_numbers():
    """Those that stand beside tasks, as `keraseq describe` shows them, are among the published rows, and no other."""
    beside = {
        (name, source.arxiv, one.name.lower(), one.metric, round(one.value, 12))
        for name in tasks.names()
        for one in getattr(tasks.entry(name).component, "baselines", ())
        for source in sources().values()
        if source.arxiv in one.source
    }
    published = {
        (row.task, sources()[row.source].arxiv, name.lower(), row.metric, round(value / row.scale, 12))
        for row in rows()
        for name, value in row.scores.items()
    }
    assert beside == published


def test_a_row_is_found_by_the_settings_that_decide():
    (row,) = lookup("adding", {"length": 600, "train_examples": 5000}, "tcn")
    assert (row.name, row.parameters, row.scores["tcn"]) == ("adding problem, T = 600", 70_000, 5.8e-5)
    assert lookup("adding", {"length": 200}) == []
    assert lookup("adding", {"length": 600, "test_length": 800}) == []
    assert lookup("adding", {"length": 600}, "mamba") == []
    assert [row.name for row in lookup("mnist", {})] == ["sequential MNIST"]  # by its default order
    assert len(lookup("listops", {})) == 3
    assert lookup("no_such_task", {"anything": 1}) == []


def test_ours_are_turned_into_the_unit_of_the_paper():
    (mnist,) = lookup("mnist", {"order": "pixel"})
    assert mnist.ours({"accuracy": 0.952, "loss": 0.2}) == pytest.approx(95.2)
    assert mnist.missed_by("gru", 95.2) == pytest.approx(1.0)
    assert mnist.missed_by("lstm", 95.2) == pytest.approx(-8.0)
    assert mnist.ours({"loss": 0.2}) is None
    (adding,) = lookup("adding", {"length": 600})
    assert adding.missed_by("rnn", 0.180) == pytest.approx(0.003)
