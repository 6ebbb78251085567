"""Training in stages: one training to optimizer, schedule and callbacks."""

import json

import keras
import numpy as np
import pytest

import keraseq
from keraseq.errors import UsageError
from keraseq.training.stages import Stage
from keraseq.tuning.fidelity import early, rungs
from keraseq.tuning.job import TaskReference


class Watch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen, self.batches = [], []

    def on_train_begin(self, logs=None):
        self.seen.append("begin")

    def on_train_end(self, logs=None):
        self.seen.append("end")

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(epoch)
        self.batches.append(0)

    def on_train_batch_end(self, batch, logs=None):
        self.batches[-1] += 1


def test_a_share_is_the_same_part_in_every_pass_and_lies_within_a_larger_one(digits):
    def seen(share, seed, epoch=0):
        rows = [x.numpy().reshape(len(x), -1) for x, _ in digits.dataset("train", seed=seed, epoch=epoch, share=share)]
        return {row.tobytes() for row in np.concatenate(rows)}

    third = seen(1 / 3, 0)
    size = digits.summary()["examples"]["train"]
    assert len(third) == pytest.approx(size / 3, abs=3)  # some digits are drawn alike
    assert third == seen(1 / 3, 7, epoch=4)
    assert seen(1 / 9, 0) < third < seen(1.0, 0)
    assert digits.steps("train", share=1 / 3) == len(list(digits.dataset("train", share=1 / 3)))
    with pytest.raises(UsageError, match=r"share must be in \(0, 1\]"):
        digits.steps("train", share=0.0)


def test_stages_are_one_training(digits, tmp_path):
    watch = Watch()
    model = keraseq.create_model("linear", digits, seed=0)
    stages = [Stage(1, digits, 0.1), Stage(2, digits, 0.5)]
    settings = {"epochs": 4, "patience": None, "progress": False, "directory": tmp_path}
    result = keraseq.fit(model, digits, callbacks=[watch], stages=stages, **settings)
    assert watch.seen == ["begin", 0, 1, 2, 3, "end"]
    assert watch.batches == [stage.steps for stage in stages] + [digits.steps("train")] * 2
    assert int(model.optimizer.iterations) == sum(watch.batches)
    assert result.epochs == 4
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]
    assert result.score == max(result.history[digits.objective])


def test_a_whole_first_stage_changes_nothing(digits):
    def trained(stages):
        model = keraseq.create_model("linear", digits, seed=0)
        keraseq.fit(model, digits, epochs=2, decay="cosine", stages=stages, progress=False)
        return model.get_weights()

    for one, other in zip(trained([]), trained([Stage(1, digits)]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_stopping_in_an_early_stage_ends_the_training(digits):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    model = keraseq.create_model("linear", digits, seed=0)
    result = keraseq.fit(model, digits, epochs=4, stages=[Stage(2, digits, 0.1)], callbacks=[Stop()], progress=False)
    assert result.epochs == 1


def test_the_stages_of_a_trial(digits):
    reference = TaskReference("digits", {}, None)
    assert rungs(27) == [(3, 9), (9, 3)]
    assert early("epochs", 9, reference, digits) == []
    assert [(s.until, s.share) for s in early("data", 9, reference, digits)] == [(1, 1 / 9), (3, 1 / 3)]


def test_lengths_are_cut_in_the_early_stages_of_a_text(tmp_path):
    rows = [{"text": "good " * n + "film", "label": "yes"} for n in range(1, 40)]
    rows += [{"text": "bad " * n + "film", "label": "no"} for n in range(1, 40)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    settings = {"path": str(path), "max_length": 36}
    task = keraseq.load_task("table", **settings)
    longest, _ = task.length(1.0)
    stages = early("length", 9, TaskReference("table", settings, None), task)
    assert [stage.task.length(1.0)[0] for stage in stages] == [longest // 9, longest // 3]
    assert [stage.until for stage in stages] == [1, 3]
    model = keraseq.create_model("gru", task, units=4, seed=0)
    assert keraseq.fit(model, task, epochs=4, stages=stages, progress=False).epochs == 4
