"""Trains on one device, on two replicas or as one of two workers, and saves what came of it.

python replicas.py single|mirrored|workers|hung FOLDER DATA_DIR [SETTINGS]
"""

import json
import os
import signal
import sys
from pathlib import Path

import keras

import keraseq


def main(kind, folder, data_dir, settings="{}"):
    leading = keraseq.connect() if kind in ("workers", "hung") else True
    import numpy as np
    import tensorflow as tf

    if kind == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    given = {"optimizer": "sgd", "learning_rate": 0.05, "epochs": 3, **json.loads(settings)}
    task = keraseq.load_task(
        "digits", data_dir=data_dir, batch_size=63, static_shapes=given.pop("static_shapes", False)
    )
    if given.pop("batch_norm", False):
        model = normalised(task)
    else:
        model = keraseq.create_model("gru", task, units=6, dropout=0.0, seed=0)
    strategy = {"single": "cpu", "mirrored": "mirrored"}.get(kind, "multiworker")
    stop = [keras.callbacks.LambdaCallback(on_epoch_end=stop_here)] if kind == "hung" and not leading else []
    result = keraseq.fit(
        model,
        task,
        callbacks=stop,
        strategy=strategy,
        directory=folder / "run",
        progress=False,
        peer_timeout=5.0 if kind == "hung" else 300.0,
        **given,
    )
    if leading:
        np.savez(folder / f"{kind}.npz", **{str(k): weight for k, weight in enumerate(model.get_weights())})
        (folder / f"{kind}.json").write_text(
            json.dumps({"history": result.history, "score": result.score, "jit_compile": result.jit_compile})
        )


def normalised(task):
    """A model with batch normalisation."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((task.inputs.length, task.inputs.size))
    x = keras.layers.BatchNormalization()(keras.layers.Conv1D(4, 3, activation="relu")(x))
    return keras.Model(inputs, task.output.head(keras.layers.Flatten()(x)))


def stop_here(epoch, logs):
    """Hangs, as by a fault."""
    os.kill(os.getpid(), signal.SIGSTOP)


def both(arguments):
    """The two workers, which are this script again."""
    from keraseq.training.distributed.launch import launch

    return launch([sys.executable, __file__, *arguments], 2)


if __name__ == "__main__":
    kind, folder, data_dir, *settings = sys.argv[1:]
    if kind in ("workers", "hung") and "TF_CONFIG" not in os.environ:
        sys.exit(both(sys.argv[1:]))
    main(kind, Path(folder), data_dir, *settings)
