"""What five epochs on two replicas and in two processes make of a model, beside what one device makes of it.

    python benchmarks/distributed_equality.py [FAMILY …] [--data-dir DIR]

65 questions of trec in batches of 64, so that an epoch has a batch of one row, of which one of two replicas has none.
Dropout is off, gradients are clipped, and the optimizer is SGD with momentum: Adam divides a gradient by its size, and
so makes whole steps of what rounding leaves where a gradient is zero. Printed are the largest differences of a weight,
and those that Keras's own `fit` makes under the same strategy with the same optimizer.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import keraseq
from keraseq.registry import models
from keraseq.training.distributed.launch import launch

if TYPE_CHECKING:
    import keras

ROWS, BATCH, EPOCHS = 65, 64, 5
SETTINGS = {"epochs": EPOCHS, "optimizer": "sgd", "learning_rate": 0.02, "warmup": 0.0, "patience": None}
MODES = ("one device", "two replicas", "two processes", "Keras's fit, two replicas")


def train(mode: str, families: list[str], data_dir: str | None, folder: Path) -> None:
    """Trains each family in this process and saves its weights; of Keras's own `fit`, or its error."""
    leading = keraseq.connect() if mode == "two processes" else True
    import tensorflow as tf

    if "replicas" in mode:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    task = questions(data_dir)
    strategy = {"two processes": "multiworker", "two replicas": "mirrored"}.get(mode, "cpu")
    for family in families:
        found = stock(family, task) if mode.startswith("Keras") else ours(family, task, strategy)
        if leading:
            np.savez(folder / f"{family}.npz", **found)


def questions(data_dir: str | None) -> keraseq.Task:
    """65 questions to train on, and some to validate."""
    trec = keraseq.load_task("trec", data_dir=data_dir)
    texts, labels = zip(*trec.raw("train", ROWS * 18 // 13), strict=True)
    task = keraseq.task_from_arrays(texts, [trec.read_target(label) for label in labels], batch_size=BATCH)
    assert task.summary()["examples"]["train"] == ROWS
    return task


def made(family: str, task: keraseq.Task) -> "keras.Model":
    """A small model without dropout."""
    off = {"dropout": 0.0} if any(field == "dropout" for field in models.get(family).__dataclass_fields__) else {}
    return keraseq.create_model(family, task, parameters=20_000, seed=0, **off)


def ours(family: str, task: keraseq.Task, strategy: str) -> dict[str, np.ndarray]:
    """The weights after `keraseq.fit`."""
    model = made(family, task)
    keraseq.fit(model, task, strategy=strategy, progress=False, **SETTINGS)
    return {str(place): weight for place, weight in enumerate(model.get_weights())}


def stock(family: str, task: keraseq.Task) -> dict[str, np.ndarray]:
    """The weights after Keras's own `fit` under the same strategy, or the error of shapes that it ends in."""
    import tensorflow as tf

    from keraseq.training.optimizers import optimizer
    from keraseq.training.settings import Training

    with tf.distribute.MirroredStrategy(cross_device_ops=tf.distribute.ReductionToOneDevice()).scope():
        model = made(family, task)
        made_optimizer = optimizer(Training(**SETTINGS), EPOCHS * task.steps("train"))
        model.compile(optimizer=made_optimizer, loss=task.output.loss())
    try:
        model.fit(task.dataset("train", seed=0), epochs=EPOCHS, shuffle=False, verbose=0)
    except tf.errors.InvalidArgumentError as error:
        return {"error": np.array(type(error).__name__)}
    return {str(place): weight for place, weight in enumerate(model.get_weights())}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("families", nargs="*")
    parser.add_argument("--data-dir")
    parser.add_argument("--mode", choices=MODES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    families = given.families or [name for name in models.names() if models.describe(name).source == "keraseq"]
    if given.mode:
        return train(given.mode, families, given.data_dir, given.folder)
    with tempfile.TemporaryDirectory() as scratch:
        folders = {}
        for mode in MODES:
            folders[mode] = Path(scratch) / mode
            folders[mode].mkdir()
            command = [sys.executable, __file__, *sys.argv[1:], "--mode", mode, "--folder", str(folders[mode])]
            if mode == "two processes":
                launch(command, 2)
            else:
                subprocess.run(command, check=True)
        print(f"{'family':<14}" + "".join(f"{mode:>28}" for mode in MODES[1:]))
        for family in families:
            runs = [dict(np.load(folders[mode] / f"{family}.npz")) for mode in MODES]
            print(f"{family:<14}" + "".join(f"{difference(runs[0], run):>28}" for run in runs[1:]))
    return None


def difference(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> str:
    """The largest of a weight, or the error."""
    if "error" in other:
        return str(other["error"])
    return f"{max(np.abs(one[name] - other[name]).max() for name in one):.1e}"


if __name__ == "__main__":
    main()
