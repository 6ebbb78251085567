"""The recurrences on TensorFlow, with gradients derived by hand.

TensorFlow's own gradient of a loop accumulates the weight gradient step by step. Here the forward loop stores the
gates; what the backward loop needs of them is computed for all steps at once; the backward loop yields only the
gradients of the gates; and one large matrix product over all steps makes the gradient of the weights.

`recur` does without a derivation, for any cell: its forward loop stores the states, and its backward loop runs each
step again and differentiates it.

Shapes: `x` `(time, batch, gates * units)`, `kernel` `(units, gates * units)`, initial states `(batch, units)`, `mask`
`(time, batch, 1)` or None; states are returned at all steps, `(time, batch, units)`.

Works compiled by XLA and not, with unknown batch and time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keraseq.ops.cells import Cell, Weights, advance

Tensors = tuple[tf.Tensor, ...]

# Large enough that σ gives exactly 1, small enough for float16.
_SATURATED = 1e4


def simple_rnn(x: tf.Tensor, kernel: tf.Tensor, h0: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    kernel = tf.convert_to_tensor(kernel)
    x, keep = _masked(x, mask)

    @tf.custom_gradient
    def run(x: tf.Tensor, kernel: tf.Tensor, h0: tf.Tensor) -> Any:
        def step(state: Tensors, x_t: tf.Tensor, *keep_t: tf.Tensor) -> tuple[Tensors, Tensors]:
            (h,) = state
            h = _carry(tf.tanh(x_t + tf.matmul(h, kernel)), h, *keep_t)
            return (h,), (h,)

        _, (hs,) = _loop(step, (h0,), (x, *keep), saved=1)

        def gradient(dhs: tf.Tensor) -> Tensors:
            local = _valid(1 - hs * hs, *keep)

            def back(
                state: Tensors, dh_t: tf.Tensor, local_t: tf.Tensor, *keep_t: tf.Tensor
            ) -> tuple[Tensors, Tensors]:
                dh = state[0] + dh_t
                da = dh * local_t
                return (_carried(tf.matmul(da, kernel, transpose_b=True), dh, *keep_t),), (da,)

            (dh0,), (da,) = _loop(back, (tf.zeros_like(h0),), (dhs, local, *keep), saved=1, backwards=True)
            return da, _outer(_previous(h0, hs), da), dh0

        return hs, gradient

    return run(x, kernel, h0)


def gru(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, h0: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    units, kernel, bias = kernel.shape[0], tf.convert_to_tensor(kernel), tf.convert_to_tensor(bias)
    if mask is not None:
        # z = 1 carries the state on and stops every other gradient: the loops need not know of masks.
        carry = tf.concat([tf.fill([units], tf.cast(_SATURATED, x.dtype)), tf.zeros([2 * units], x.dtype)], 0)
        x = tf.where(mask, x, carry)

    @tf.custom_gradient
    def run(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, h0: tf.Tensor) -> Any:
        def step(state: Tensors, x_t: tf.Tensor) -> tuple[Tensors, Tensors]:
            (h,) = state
            u = tf.matmul(h, kernel)
            zr = tf.sigmoid(x_t[:, : 2 * units] + u[:, : 2 * units])
            z, r = zr[:, :units], zr[:, units:]
            m = u[:, 2 * units :] + bias
            n = tf.tanh(x_t[:, 2 * units :] + r * m)
            h = z * h + (1 - z) * n
            return (h,), (h, zr, n, m)

        _, (hs, zr, n, m) = _loop(step, (h0,), (x,), saved=4)

        def gradient(dhs: tf.Tensor) -> Tensors:
            z, r = zr[..., :units], zr[..., units:]
            previous = _previous(h0, hs)
            local_z = (previous - n) * z * (1 - z)
            local_n = (1 - z) * (1 - n * n)
            local_r = m * r * (1 - r)

            def back(
                state: Tensors, dh_t: tf.Tensor, z: tf.Tensor, r: tf.Tensor, dz: tf.Tensor, dn: tf.Tensor, dr: tf.Tensor
            ) -> tuple[Tensors, Tensors]:
                dh = state[0] + dh_t
                da = dh * dn
                du = tf.concat([dh * dz, da * dr, da * r], -1)
                return (dh * z + tf.matmul(du, kernel, transpose_b=True),), (du, da)

            inputs = (dhs, z, r, local_z, local_n, local_r)
            (dh0,), (du, da) = _loop(back, (tf.zeros_like(h0),), inputs, saved=2, backwards=True)
            dx = tf.concat([du[..., : 2 * units], da], -1)
            return dx, _outer(previous, du), tf.reduce_sum(du[..., 2 * units :], (0, 1)), dh0

        return hs, gradient

    return run(x, kernel, bias, h0)


def lstm(
    x: tf.Tensor, kernel: tf.Tensor, h0: tf.Tensor, c0: tf.Tensor, mask: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor]:
    units, kernel = kernel.shape[0], tf.convert_to_tensor(kernel)
    x, keep = _masked(x, mask)

    @tf.custom_gradient
    def run(x: tf.Tensor, kernel: tf.Tensor, h0: tf.Tensor, c0: tf.Tensor) -> Any:
        def step(state: Tensors, x_t: tf.Tensor, *keep_t: tf.Tensor) -> tuple[Tensors, Tensors]:
            h, c = state
            a = x_t + tf.matmul(h, kernel)
            i_f, g = tf.sigmoid(a[:, : 2 * units]), tf.tanh(a[:, 2 * units : 3 * units])
            o = tf.sigmoid(a[:, 3 * units :])
            c = _carry(i_f[:, units:] * c + i_f[:, :units] * g, c, *keep_t)
            h = _carry(o * tf.tanh(c), h, *keep_t)
            return (h, c), (h, c, i_f, g, o)

        (_, c), (hs, cs, i_f, g, o) = _loop(step, (h0, c0), (x, *keep), saved=5)

        def gradient(dhs: tf.Tensor, dc: tf.Tensor) -> Tensors:
            i, f = i_f[..., :units], i_f[..., units:]
            tanh_c = tf.tanh(cs)
            local_c = _valid(o * (1 - tanh_c * tanh_c), *keep)
            local_ifg = _valid(
                tf.concat([g * i * (1 - i), _previous(c0, cs) * f * (1 - f), i * (1 - g * g)], -1), *keep
            )
            local_o = _valid(tanh_c * o * (1 - o), *keep)
            f = tf.where(*keep, f, tf.ones_like(f)) if keep else f

            def back(
                state: Tensors,
                dh_t: tf.Tensor,
                f: tf.Tensor,
                c_of_h: tf.Tensor,
                ifg_of_c: tf.Tensor,
                o_of_h: tf.Tensor,
                *keep_t: tf.Tensor,
            ) -> tuple[Tensors, Tensors]:
                dh, dc = state
                dh = dh + dh_t
                dc = dc + dh * c_of_h
                da = tf.concat([tf.tile(dc, (1, 3)) * ifg_of_c, dh * o_of_h], -1)
                return (_carried(tf.matmul(da, kernel, transpose_b=True), dh, *keep_t), dc * f), (da,)

            inputs = (dhs, f, local_c, local_ifg, local_o, *keep)
            (dh0, dc0), (da,) = _loop(back, (tf.zeros_like(h0), dc), inputs, saved=1, backwards=True)
            return da, _outer(_previous(h0, hs), da), dh0, dc0

        return (hs, c), gradient

    return run(x, kernel, h0, c0)


def recur(cell: Cell, x: tf.Tensor, state0: Tensors, weights: Weights, mask: tf.Tensor | None) -> Tensors:
    x, keep = _masked(x, mask)
    parts = len(state0)

    def step(state: Tensors, x_t: tf.Tensor, *keep_t: tf.Tensor, weights: Tensors) -> Tensors:
        return advance(cell, x_t, state, dict(zip(names, weights, strict=True)), *keep_t)

    @tf.custom_gradient
    def run(x: tf.Tensor, *state0_and_weights: tf.Tensor) -> Any:
        state0, weights = state0_and_weights[:parts], state0_and_weights[parts:]

        def forward(state: Tensors, x_t: tf.Tensor, *keep_t: tf.Tensor) -> tuple[Tensors, Tensors]:
            state = step(state, x_t, *keep_t, weights=weights)
            return state, state

        _, states = _loop(forward, state0, (x, *keep), saved=parts)

        def gradient(*dstates: tf.Tensor) -> Tensors:
            def back(carried: Tensors, x_t: tf.Tensor, *inputs_t: tf.Tensor) -> tuple[Tensors, Tensors]:
                dstate, totals = carried[:parts], carried[parts:]
                before, dstate_t, keep_t = inputs_t[:parts], inputs_t[parts : 2 * parts], inputs_t[2 * parts :]
                with tf.GradientTape() as tape:
                    tape.watch((x_t, before, weights))
                    after = step(before, x_t, *keep_t, weights=weights)
                given = tuple(part + part_t for part, part_t in zip(dstate, dstate_t, strict=True))
                dx_t, dstate, dweights = tape.gradient(
                    after, (x_t, before, weights), given, unconnected_gradients="zero"
                )
                sums = (total + tf.cast(part, total.dtype) for total, part in zip(totals, dweights, strict=True))
                return (*dstate, *sums), (dx_t,)

            zeros = (*map(tf.zeros_like, state0), *(tf.zeros_like(weight, tf.float32) for weight in weights))
            inputs = (x, *map(_previous, state0, states), *dstates, *keep)
            carried, (dx,) = _loop(back, zeros, inputs, saved=1, backwards=True)
            dweights = (tf.cast(total, weight.dtype) for total, weight in zip(carried[parts:], weights, strict=True))
            return dx, *carried[:parts], *dweights

        return states, gradient

    names = tuple(weights)
    return run(x, *state0, *map(tf.convert_to_tensor, weights.values()))


def _loop(
    step: Callable[..., tuple[Tensors, Tensors]], state: Tensors, inputs: Tensors, saved: int, backwards: bool = False
) -> tuple[Tensors, Tensors]:
    """`state, outputs_t = step(state, *inputs_t)` over time; the final state and the `saved` outputs of all steps."""
    n = inputs[0].shape[0] or tf.shape(inputs[0])[0]
    shapes = [part.shape for part in state]
    arrays = [tf.TensorArray(state[0].dtype, size=n) for _ in range(saved)]

    def body(k: tf.Tensor, state: Tensors, arrays: list[tf.TensorArray]) -> tuple[Any, ...]:
        t = n - 1 - k if backwards else k
        state, outputs = step(state, *(part[t] for part in inputs))
        for part, shape in zip(state, shapes, strict=True):
            part.set_shape(shape)
        return k + 1, state, [array.write(t, output) for array, output in zip(arrays, outputs, strict=True)]

    _, state, arrays = tf.while_loop(lambda k, *_: k < n, body, (0, state, arrays), maximum_iterations=n)
    return state, tuple(array.stack() for array in arrays)


def _masked(x: tf.Tensor, mask: tf.Tensor | None) -> tuple[tf.Tensor, Tensors]:
    """`x` without what lies in padding, and the mask as one more input of a loop where there is one."""
    return (x, ()) if mask is None else (tf.where(mask, x, tf.zeros_like(x)), (mask,))


def _carry(new: tf.Tensor, old: tf.Tensor, *keep: tf.Tensor) -> tf.Tensor:
    return tf.where(*keep, new, old) if keep else new


def _carried(through: tf.Tensor, past: tf.Tensor, *keep: tf.Tensor) -> tf.Tensor:
    """Gradient of the previous state: `through` the step where it is valid, else `past` it."""
    return tf.where(*keep, through, past) if keep else through


def _valid(local: tf.Tensor, *keep: tf.Tensor) -> tf.Tensor:
    return tf.where(*keep, local, tf.zeros_like(local)) if keep else local


def _previous(first: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
    return tf.concat([first[None], states[:-1]], 0)


def _outer(h: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    """Sum over time and batch of `h_t ⊗ d_t`, as one matrix product: `(units, gates * units)`."""
    return tf.matmul(tf.reshape(h, (-1, h.shape[-1])), tf.reshape(d, (-1, d.shape[-1])), transpose_a=True)
