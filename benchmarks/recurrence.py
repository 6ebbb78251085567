"""Time of a training step of the recurrent layers, side by side with those of Keras.

    python benchmarks/recurrence.py --shape 200 64 64 64 --layers gru lstm

A step is forward, backward and Adam on a fixed batch. Runs of both are interleaved, so that a busy machine slows both,
and the fastest of each is reported: `ratio` below 1 means that keraseq is the faster one.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from keraseq import layers

PEERS = {
    "simple_rnn": (layers.SimpleRNN, keras.layers.SimpleRNN),
    "gru": (layers.GRU, keras.layers.GRU),
    "lstm": (layers.LSTM, keras.layers.LSTM),
}


def training_step(layer: keras.Layer, shape: tuple[int, int, int, int], xla: bool) -> Callable[[], float]:
    """A function that runs one step and returns the seconds it took."""
    time_, batch, features, _ = shape
    keras.utils.set_random_seed(0)
    inputs = keras.Input((time_, features))
    model = keras.Model(inputs, keras.layers.Dense(10)(layer(inputs)[:, -1]))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=xla)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, time_, features)).astype("float32")
    y = rng.integers(0, 10, batch)
    model.train_on_batch(x, y)
    step = model.make_train_function()
    x, y = tf.constant(x), tf.constant(y)

    def run() -> float:
        started = time.perf_counter()
        np.asarray(step(iter([(x, y)]))["loss"])
        return time.perf_counter() - started

    run()
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=4, metavar=("TIME", "BATCH", "FEATURES", "UNITS"), action="append")
    parser.add_argument("--layers", nargs="+", choices=sorted(PEERS), default=["gru", "lstm"])
    parser.add_argument("--repeats", type=int, default=20, help="runs of each; the fastest counts")
    arguments = parser.parse_args()
    table = Table("layer", "time, batch, features, units", "XLA", "keraseq ms", "keras ms", "ratio")
    for shape in arguments.shape or [(64, 64, 1, 64), (200, 64, 64, 64)]:
        for name in arguments.layers:
            for xla in (True, False):
                ours, theirs = PEERS[name]
                runs = (
                    training_step(ours(shape[3]), shape, xla),
                    training_step(theirs(shape[3], return_sequences=True), shape, xla),
                )
                best = [float("inf"), float("inf")]
                for _ in range(arguments.repeats):
                    best = [min(seconds, run()) for seconds, run in zip(best, runs, strict=True)]
                mine, peer = (1e3 * seconds for seconds in best)
                row = (name, ", ".join(map(str, shape)), "yes" if xla else "no")
                table.add_row(*row, f"{mine:.1f}", f"{peer:.1f}", f"{mine / peer:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
