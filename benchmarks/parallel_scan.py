"""Layers by parallel scan on a long sequence, side by side with their own steps in a compiled loop.

    python benchmarks/parallel_scan.py --time 4096 --batch 4 --features 64

Both compute the same, forwards, or forwards and backwards for the gradients of inputs and weights: once by one call,
once by `step` within `tf.while_loop`, one step after another, in one graph. Runs of both are interleaved, so that a
busy machine slows both, and the fastest of each is reported. `ratio` below 1 means that the call is the faster one.

Memory is the peak of one run in a process of its own, above what it has once the graph is traced; with --xla it
includes the compiler's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from keraseq import layers
from keraseq.layers.streaming import Streaming

LAYERS: dict[str, Callable[[int], Streaming]] = {
    "min_gru": layers.MinGRU,
    "min_lstm": layers.MinLSTM,
    "lru": layers.LRU,
    "s4d": lambda features: layers.S4D(16),
    "selective_ssm": lambda features: layers.SelectiveSSM(8),
}


def stepped(layer: Streaming, batch: int, steps: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """The layer on `(batch, steps, features)`, one step after another."""

    def run(x: tf.Tensor) -> tf.Tensor:
        xs = tf.TensorArray(x.dtype, size=steps).unstack(tf.transpose(x, (1, 0, 2)))

        def turn(t: tf.Tensor, state: Any, ys: tf.TensorArray) -> Any:
            y, state = layer.step(xs.read(t), state)
            return t + 1, state, ys.write(t, y)

        loop = (0, layer.initial_state(batch), tf.TensorArray(tf.float32, size=steps))
        ys = tf.while_loop(lambda t, *_: t < steps, turn, loop, maximum_iterations=steps)[2]
        return tf.transpose(ys.stack(), (1, 0, 2))

    return run


def timed(name: str, kind: str, shape: tuple[int, int, int], backwards: bool, xla: bool) -> Callable[[], float]:
    """A function that runs one case once and returns the seconds it took. `kind` is "call" or "steps"."""
    batch, steps, features = shape
    keras.utils.set_random_seed(0)
    layer = LAYERS[name](features)
    layer.build(shape)
    forward = layer if kind == "call" else stepped(layer, batch, steps)
    weights = [weight.value for weight in layer.trainable_weights]

    def work(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = forward(x)
            loss = tf.reduce_sum(tf.sin(y))
        return [y, *tape.gradient(loss, [x, *weights])] if backwards else [y]

    x = tf.constant(np.random.default_rng(0).normal(size=shape).astype("float32"))
    compiled = tf.function(work, jit_compile=xla).get_concrete_function(x)

    def run() -> float:
        started = time.perf_counter()
        compiled(x)[-1].numpy()
        return time.perf_counter() - started

    return run


def status(field: str) -> float:
    """A number of this process from Linux, in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def measure_memory(results: Any, *case: Any) -> None:
    """Puts the peak of a case, in MB above what the process has once the graph is traced."""
    run = timed(*case)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status("VmRSS")
    run()
    results.put(status("VmHWM") - before)


def memory(*case: Any) -> float:
    """`measure_memory` in a process of its own."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=measure_memory, args=(results, *case))
    process.start()
    peak = results.get()
    process.join()
    return peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time", type=int, default=4096)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--layers", nargs="+", choices=list(LAYERS), default=list(LAYERS))
    parser.add_argument("--xla", action="store_true", help="compile both by XLA")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each; the fastest counts")
    arguments = parser.parse_args()
    shape = (arguments.batch, arguments.time, arguments.features)
    table = Table(
        "layer", "backward", "call ms", "steps ms", "ratio", "call MB", "steps MB", "ratio",
        title=f"(batch, time, features) = {shape}, {'XLA' if arguments.xla else 'graph'}",
    )  # fmt: skip
    for name in arguments.layers:
        for backwards in (False, True):
            cases = [(name, kind, shape, backwards, arguments.xla) for kind in ("call", "steps")]
            runs = [timed(*case) for case in cases]
            for run in runs:
                run()
            best = [float("inf"), float("inf")]
            for _ in range(arguments.repeats):
                best = [min(seconds, run()) for seconds, run in zip(best, runs, strict=True)]
            call, steps = (1e3 * seconds for seconds in best)
            peaks = [memory(*case) for case in cases]
            table.add_row(
                name,
                "yes" if backwards else "no",
                f"{call:.0f}",
                f"{steps:.0f}",
                f"{call / steps:.2f}",
                *(f"{peak:.0f}" for peak in peaks),
                f"{peaks[0] / max(peaks[1], 1):.2f}",
            )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
