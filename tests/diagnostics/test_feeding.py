"""How fast tasks give batches, and whether training waits for them."""

import time

import numpy as np
import pytest

import keraseq
from keraseq.diagnostics import feed, feeding
from keraseq.errors import UsageError
from keraseq.tasks import load_task


def slowly(count, rows, seconds):
    for _ in range(count):
        time.sleep(seconds)
        yield np.zeros((rows, 2)), np.zeros(rows)


class Pausing:
    """Stands in for a model whose steps take a while."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.rows = []

    def train_on_batch(self, x, y):
        time.sleep(self.seconds)
        self.rows.append(len(x))


def test_waiting_is_the_share_in_which_no_batch_was_there():
    model = Pausing(0.02)
    fed = feed(slowly(6, 3, 0.02), model)
    assert (fed.batches, fed.examples, model.rows) == (5, 15, [3] * 5)
    assert 0.2 < fed.waiting < 0.8
    assert fed.seconds >= 0.2
    assert feed(slowly(6, 3, 0.01)).waiting > 0.9


@pytest.mark.parametrize("static", [False, True])
def test_a_task_tells_how_it_feeds(data_dir, static):
    few = {"train_examples": 200, "test_examples": 20, "batch_size": 16, "static_shapes": static}
    task = load_task("dyck", data_dir=data_dir, length=20, **few)
    told = feeding(task, keraseq.create_model("cnn", task, filters=4, seed=0), steps=5)
    assert told["padding"] == task.padding["train"] > 0
    assert told["examples_per_second"] > told["batches_per_second"] > told["steps_per_second"]
    assert 0 < told["waiting"] < 1
    with pytest.raises(UsageError, match="train has one batch: nothing can be measured"):
        feeding(load_task("dyck", data_dir=data_dir, length=20, **few | {"batch_size": 500}))
