"""The parallel scan of a linear recurrence on TensorFlow, with unknown batch and time, compiled by XLA and not.

Time is cut into about √time chunks of about √time steps. All chunks side by side, the first loop finds how each changes
a state that enters it, `h → p * h + e`. The second hands the state on from chunk to chunk. The third again runs through
all chunks side by side, each from its true state. So there are 3 √time turns, and two products for each step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

Parts = tuple[tf.Tensor, ...]


def scan(a: Parts, b: Parts, h0: Parts, reverse: bool) -> Parts:
    """Every state of `h_t = a_t * h_(t-1) + b_t`; with `reverse` of `h_t = a_t * h_(t+1) + b_t`, from the last step on.

    `a` and `b` are `(batch, time, width)`, `h0` `(batch, width)`; each is one real tensor, or a real and an imaginary.
    """
    if len(b) == 1:
        return (_scan(a[0], b[0], h0[0], reverse),)
    h = _scan(tf.complex(*a), tf.complex(*b), tf.complex(*h0), reverse)
    return tf.math.real(h), tf.math.imag(h)


def _scan(a: tf.Tensor, b: tf.Tensor, h0: tf.Tensor, reverse: bool) -> tf.Tensor:
    time = b.shape[1] or tf.shape(b)[1]
    length = _root(time)
    chunks = -(-time // length)
    a, b = _cut(a, chunks, length, fill=1), _cut(b, chunks, length, fill=0)  # (batch, chunks, length, width)

    def change(state: Parts, t: tf.Tensor) -> Parts:
        p, e = state
        return a[:, :, t] * p, a[:, :, t] * e + b[:, :, t]

    p, e = _loop(change, (tf.ones_like(a[:, :, 0]), tf.zeros_like(b[:, :, 0])), length, reverse)
    after = _states(lambda h, m: p[:, m] * h + e[:, m], h0, chunks, reverse)  # (batch, chunks, width)
    start = tf.concat([after[:, 1:], h0[:, None]] if reverse else [h0[:, None], after[:, :-1]], 1)
    h = _states(lambda h, t: a[:, :, t] * h + b[:, :, t], start, length, reverse)  # (batch, length, chunks, width)
    h = tf.reshape(tf.transpose(h, (0, 2, 1, 3)), tf.concat([tf.shape(b)[:1], [chunks * length], tf.shape(b)[3:]], 0))
    return h[:, :time]


def _root(time: int | tf.Tensor) -> int | tf.Tensor:
    """√time, rounded up."""
    if isinstance(time, int):
        return math.isqrt(time - 1) + 1
    return tf.cast(tf.math.ceil(tf.sqrt(tf.cast(time, "float32"))), "int32")


def _cut(x: tf.Tensor, chunks: Any, length: Any, fill: int) -> tf.Tensor:
    """`(batch, time, width)` → `(batch, chunks, length, width)`, with `fill` after the last step."""
    batch, time, width = tf.unstack(tf.shape(x))
    x = tf.pad(x, ((0, 0), (0, chunks * length - time), (0, 0)), constant_values=fill)
    return tf.reshape(x, (batch, chunks, length, x.shape[2] or width))


def _loop(step: Callable[[Any, tf.Tensor], Any], state: Any, turns: Any, reverse: bool) -> Any:
    """The state after `turns` steps, numbered from 0 up, or down to 0."""

    def body(k: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        return k + 1, step(state, turns - 1 - k if reverse else k)

    return tf.while_loop(lambda k, _: k < turns, body, (0, state), maximum_iterations=turns)[1]


def _states(
    step: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], state: tf.Tensor, turns: Any, reverse: bool
) -> tf.Tensor:
    """The states after each step, `(batch, turns, …)` from `(batch, …)`."""
    states = tf.TensorArray(state.dtype, size=turns)

    def write(carried: Any, k: tf.Tensor) -> Any:
        new = step(carried[0], k)
        new.set_shape(carried[0].shape)
        return new, carried[1].write(k, new)

    states = _loop(write, (state, states), turns, reverse)[1].stack()
    return tf.transpose(states, (1, 0, *range(2, states.shape.rank)))
