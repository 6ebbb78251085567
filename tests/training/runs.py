"""A training that a test starts in a process of its own, and kills there."""

import os
import signal

import keras

import keraseq

SETTINGS = {"epochs": 3, "patience": 2, "learning_rate": 0.01, "progress": False, "seed": 0}


class At(keras.callbacks.Callback):
    """Does something after so many steps."""

    def __init__(self, steps, what):
        super().__init__()
        self.left, self.what = steps, what

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            self.what()


def train(task, directory, *callbacks, **settings):
    """A small GRU with dropout on digits: what came of it, and its weights."""
    model = keraseq.create_model("gru", task, units=6, layers=2, dropout=0.3, seed=0)
    given = {**SETTINGS, "directory": directory, "resume": True, "checkpoint_seconds": 0, **settings}
    return keraseq.fit(model, task, callbacks=callbacks, **given), model.get_weights()


def killed_after(steps, data_dir, directory):
    """Trains on, and dies by SIGKILL after so many steps of this process."""
    task = keraseq.load_task("digits", data_dir=data_dir)
    train(task, directory, At(steps, lambda: os.kill(os.getpid(), signal.SIGKILL)))
