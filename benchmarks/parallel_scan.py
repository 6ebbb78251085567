"""Layers by parallel scan on a long sequence, side by side with their own steps in a compiled loop.

    python benchmarks/parallel_scan.py --time 4096 --batch 4 --features 64

Both compute the same, forwards, or forwards and backwards for the gradients of inputs and weights: once by one call,
once by `step` within `tf.while_loop`, one step after another, in one graph; `differ` is by how much they differ, as a
fraction. Runs of both are interleaved, so that a busy machine slows both, and the fastest of each is reported. `ratio`
below 1 means that the call is the faster one.

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


def call(layer: Streaming, x: tf.Tensor, backwards: bool) -> list[tf.Tensor]:
    """Outputs by one call; with `backwards` also the gradients of `sum(sin(y))` by inputs and weights."""
    if not backwards:
        return [layer(x)]
    sources = [x, *weights_of(layer)]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(tf.sin(y))
    return [y, *tape.gradient(loss, sources)]


def steps(layer: Streaming, x: tf.Tensor, backwards: bool) -> list[tf.Tensor]:
    """The same, one step after another, forwards and then backwards.

    TensorFlow's own gradient of the loop would add up a list of all steps at each step, which takes the square of time:
    so the states are kept, and a second loop takes the gradient of each step from them.
    """
    batch, time_, _ = x.shape
    x = tf.transpose(x, (1, 0, 2))
    first = layer.initial_state(batch)

    def array(like: tf.Tensor) -> tf.TensorArray:
        return tf.TensorArray(like.dtype, size=time_)

    def forth(t: tf.Tensor, state: Any, befores: Any, ys: tf.TensorArray) -> Any:
        if backwards:
            befores = [one.write(t, part) for one, part in zip(befores, tf.nest.flatten(state), strict=True)]
        y, state = layer.step(x[t], state)
        return t + 1, state, befores, ys.write(t, y)

    kept = [array(part) for part in tf.nest.flatten(first)] if backwards else []
    loop = (0, first, kept, array(x))
    _, _, kept, ys = tf.while_loop(lambda t, *_: t < time_, forth, loop, maximum_iterations=time_)
    y = ys.stack()
    if not backwards:
        return [tf.transpose(y, (1, 0, 2))]
    befores, dy, weights = [one.stack() for one in kept], tf.cos(y), weights_of(layer)

    def back(t: tf.Tensor, dstate: Any, dweights: list[tf.Tensor], dxs: tf.TensorArray) -> Any:
        x_t, state = x[t], tf.nest.pack_sequence_as(first, [part[t] for part in befores])
        with tf.GradientTape() as tape:
            tape.watch((x_t, state))
            y_t, after = layer.step(x_t, state)
        zero = tf.UnconnectedGradients.ZERO
        dx, dstate, more = tape.gradient((y_t, after), (x_t, state, weights), (dy[t], dstate), zero)
        return t - 1, dstate, [one + other for one, other in zip(dweights, more, strict=True)], dxs.write(t, dx)

    loop = (time_ - 1, tf.nest.map_structure(tf.zeros_like, first), [tf.zeros_like(w) for w in weights], array(x))
    _, _, dweights, dxs = tf.while_loop(lambda t, *_: t >= 0, back, loop, maximum_iterations=time_)
    return [tf.transpose(y, (1, 0, 2)), tf.transpose(dxs.stack(), (1, 0, 2)), *dweights]


def weights_of(layer: Streaming) -> list[tf.Variable]:
    return [weight.value for weight in layer.trainable_weights]


def case(name: str, way: str, shape: tuple[int, int, int], backwards: bool, xla: bool) -> Callable[[], list[tf.Tensor]]:
    """A function that runs one case once: `way` is "call" or "steps"."""
    keras.utils.set_random_seed(0)
    layer = LAYERS[name](shape[-1])
    layer.build(shape)
    x = tf.constant(np.random.default_rng(0).normal(size=shape).astype("float32"))
    work = {"call": call, "steps": steps}[way]
    compiled = tf.function(lambda x: work(layer, x, backwards), jit_compile=xla).get_concrete_function(x)
    return lambda: compiled(x)


def seconds(run: Callable[[], list[tf.Tensor]]) -> float:
    started = time.perf_counter()
    run()[-1].numpy()
    return time.perf_counter() - started


def disagreement(run: Callable[[], list[tf.Tensor]], other: Callable[[], list[tf.Tensor]]) -> float:
    """The greatest difference of two results, as a fraction of the greatest number of each tensor."""
    pairs = zip(run(), other(), strict=True)
    return max(float(tf.reduce_max(tf.abs(a - b)) / tf.reduce_max(tf.abs(b))) for a, b in pairs)


def status(field: str) -> float:
    """A number of this process from Linux, in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def measure_memory(results: Any, *settings: Any) -> None:
    """Puts the peak of a case, in MB above what the process has once the graph is traced."""
    run = case(*settings)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status("VmRSS")
    run()
    results.put(status("VmHWM") - before)


def memory(*settings: Any) -> float:
    """`measure_memory` in a process of its own."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=measure_memory, args=(results, *settings))
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
        "layer", "backward", "call ms", "steps ms", "ratio", "call MB", "steps MB", "ratio", "differ",
        title=f"(batch, time, features) = {shape}, {'XLA' if arguments.xla else 'graph'}",
    )  # fmt: skip
    for name in arguments.layers:
        for backwards in (False, True):
            both = [(name, way, shape, backwards, arguments.xla) for way in ("call", "steps")]
            runs = [case(*settings) for settings in both]
            differ = disagreement(*runs)
            best = [float("inf"), float("inf")]
            for _ in range(arguments.repeats):
                best = [min(fastest, seconds(run)) for fastest, run in zip(best, runs, strict=True)]
            peaks = [memory(*settings) for settings in both]
            table.add_row(
                name,
                "yes" if backwards else "no",
                *(f"{1e3 * fastest:.0f}" for fastest in best),
                f"{best[0] / best[1]:.2f}",
                *(f"{peak:.0f}" for peak in peaks),
                f"{peaks[0] / peaks[1]:.2f}",
                f"{differ:.0e}",
            )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
