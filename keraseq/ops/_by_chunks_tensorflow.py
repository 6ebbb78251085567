"""`by_chunks` on TensorFlow: a loop whose backward pass runs each chunk again.

TensorFlow's own gradient of a loop keeps everything that each turn computes. This one keeps the states between chunks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Tensors = tuple[tf.Tensor, ...]


def run_chunks(
    chunk: Callable[[tf.Tensor, Tensors, Tensors], tuple[tf.Tensor, tf.Tensor]],
    state: tf.Tensor,
    inputs: Tensors,
    weights: Tensors,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Outputs of each chunk, `(chunks, …)`, and the last state; `inputs` are `(chunks, batch, length, …)`."""
    n = inputs[0].shape[0] or tf.shape(inputs[0])[0]

    @tf.custom_gradient
    def run(state: tf.Tensor, *tensors: tf.Tensor) -> Any:
        inputs, weights = tensors[: len(tensors) - fixed], tensors[len(tensors) - fixed :]

        def step(k: tf.Tensor, state: tf.Tensor, before: tf.TensorArray, ys: tf.TensorArray) -> Any:
            y, after = chunk(state, tuple(part[k] for part in inputs), weights)
            after.set_shape(state.shape)
            return k + 1, after, before.write(k, state), ys.write(k, y)

        arrays = [tf.TensorArray(state.dtype, size=n) for _ in range(2)]
        _, last, before, ys = tf.while_loop(lambda k, *_: k < n, step, (0, state, *arrays), maximum_iterations=n)
        states = before.stack()

        def gradient(dys: tf.Tensor, dlast: tf.Tensor) -> Any:
            def back(k: tf.Tensor, dstate: tf.Tensor, dweights: Tensors, dinputs: list[tf.TensorArray]) -> Any:
                sources = (states[k], tuple(part[k] for part in inputs), weights)
                with tf.GradientTape() as tape:
                    tape.watch(sources)
                    y, after = chunk(*sources)
                dbefore, dparts, added = tape.gradient(
                    (y, after), sources, (dys[k], dstate), unconnected_gradients=tf.UnconnectedGradients.ZERO
                )
                dbefore.set_shape(dstate.shape)
                dweights = tuple(total + more for total, more in zip(dweights, added, strict=True))
                written = [array.write(k, part) for array, part in zip(dinputs, dparts, strict=True)]
                return k - 1, dbefore, dweights, written

            zeros = tuple(tf.zeros_like(weight) for weight in weights)
            arrays = [tf.TensorArray(part.dtype, size=n) for part in inputs]
            _, dstate, dweights, dinputs = tf.while_loop(
                lambda k, *_: k >= 0, back, (n - 1, dlast, zeros, arrays), maximum_iterations=n
            )
            return dstate, *(array.stack() for array in dinputs), *dweights

        return (ys.stack(), last), gradient

    fixed = len(weights)
    return run(state, *inputs, *(tf.convert_to_tensor(weight) for weight in weights))
