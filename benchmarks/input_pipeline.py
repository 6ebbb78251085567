"""Examples a second through training steps on imdb_reviews: batches of like length against padding all to the longest.

    python benchmarks/input_pipeline.py [--max-length 1000] [--steps 40] [--data-dir DIR]

Both feed the same model the same reviews in batches of the same size. The naive way is what a user writes first: one
array of all reviews, padded to the longest. The runs are interleaved; the best of three counts.
"""

import argparse

import numpy as np
import tensorflow as tf

from keraseq import create_model, load_task
from keraseq.diagnostics import feed


def padded_to_the_longest(task):
    """Batches of one array that holds all training reviews, in random order."""
    examples = task._examples["train"]
    array, _ = examples.inputs.pad(np.arange(len(examples)), np.int32)
    dataset = tf.data.Dataset.from_tensor_slices((array, examples.targets)).shuffle(len(examples), seed=0)
    return dataset.batch(task.config.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def of_like_length(task):
    """The task's own batches."""
    return task.dataset("train", seed=0)


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
        "of like length": task.padding["train"],
    }
    print(f"{'family':6} {'batches':22} {'padding':>8} {'examples/s':>11} {'alone/s':>9} {'waiting':>8}")
    for family in ("gru", "tcn"):
        model = create_model(family, task, seed=0)
        model.compile("adam", loss=task.output.loss())
        best: dict[str, tuple[float, float]] = dict.fromkeys(ways, (0.0, 0.0))
        for _ in range(3):
            for name, way in ways.items():
                feed(way(task).take(3), model)  # what is compiled for a shape is compiled
                fed = feed(way(task).take(given.steps), model)
                best[name] = max(best[name], (fed.examples / fed.seconds, fed.waiting))
        for name, way in ways.items():
            alone = feed(way(task).take(200))
            rate, share = best[name]
            passing = alone.examples / alone.seconds
            print(f"{family:6} {name:22} {shares[name]:8.1%} {rate:11.1f} {passing:9.0f} {share:8.1%}")


if __name__ == "__main__":
    main()
