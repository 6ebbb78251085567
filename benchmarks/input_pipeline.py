"""Examples a second through training steps on imdb_reviews: batches of like length against padding all to the longest.

    python benchmarks/input_pipeline.py [--max-length 1000] [--steps 40] [--data-dir DIR]

Both feed the same model the same reviews in batches of the same size. The naive way is what a user writes first: one
array of all reviews, padded to the longest. The runs are interleaved; the best of three counts.
"""

import argparse
import itertools
import time
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from keraseq import create_model, load_task


def padded_to_the_longest(task, steps: int) -> Iterator:
    """Batches of one array that holds all training reviews, in random order."""
    examples = task._examples["train"]
    array, _ = examples.inputs.pad(np.arange(len(examples)), np.int32)
    dataset = tf.data.Dataset.from_tensor_slices((array, examples.targets)).shuffle(len(examples), seed=0)
    return iter(dataset.batch(task.config.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE).take(steps))


def of_like_length(task, steps: int) -> Iterator:
    """The task's own batches."""
    return itertools.islice(iter(task.dataset("train", seed=0)), steps)


def seconds(model: keras.Model, batches: Iterator, train: bool) -> tuple[float, float, int]:
    """Time in all, time spent waiting for batches, and examples."""
    next(batches)  # fills what is shuffled, which an epoch does once
    start, waiting, examples = time.perf_counter(), 0.0, 0
    while True:
        asked = time.perf_counter()
        batch = next(batches, None)
        waiting += time.perf_counter() - asked
        if batch is None:
            return time.perf_counter() - start, waiting, examples
        if train:
            model.train_on_batch(*batch)
        examples += len(batch[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-length", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--data-dir")
    given = parser.parse_args()
    task = load_task("imdb_reviews", data_dir=given.data_dir, max_length=given.max_length)
    ways = {"padded to the longest": padded_to_the_longest, "of like length": of_like_length}
    lengths = task._examples["train"].lengths
    shares = {
        "padded to the longest": 1 - lengths.mean() / lengths.max(),
        "of like length": task.summary()["padding"]["train"],
    }
    print(f"{'family':6} {'batches':22} {'padding':>8} {'examples/s':>11} {'alone/s':>9} {'waiting':>8}")
    for family in ("gru", "tcn"):
        model = create_model(family, task, seed=0)
        model.compile("adam", loss=task.output.loss())
        best: dict[str, tuple[float, float]] = dict.fromkeys(ways, (0.0, 0.0))
        for _ in range(3):
            for name, way in ways.items():
                seconds(model, way(task, 3), train=True)  # what is compiled for a shape is compiled
                spent, waiting, examples = seconds(model, way(task, given.steps), train=True)
                best[name] = max(best[name], (examples / spent, waiting / spent))
        for name, way in ways.items():
            spent, _, examples = seconds(model, way(task, 200), train=False)
            rate, share = best[name]
            print(f"{family:6} {name:22} {shares[name]:8.1%} {rate:11.1f} {examples / spent:9.0f} {share:8.1%}")


if __name__ == "__main__":
    main()
