"""The recurrences by `keras.ops.scan`: any backend, differentiated by it.

Shapes: `x` `(time, batch, gates * units)`, `kernel` `(units, gates * units)`, `mask` `(time, batch, 1)` or None; all
hidden states are returned, `(time, batch, units)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

State = tuple[Any, ...]


def simple_rnn(x: Any, kernel: Any, h0: Any, mask: Any) -> Any:
    def step(x_t: Any, h: Any) -> State:
        return (ops.tanh(x_t + ops.matmul(h, kernel)),)

    return _scan(step, x, (h0,), mask)[1]


def gru(x: Any, kernel: Any, bias: Any, h0: Any, mask: Any) -> Any:
    units = kernel.shape[0]

    def step(x_t: Any, h: Any) -> State:
        u = ops.matmul(h, kernel)
        z = ops.sigmoid(x_t[:, :units] + u[:, :units])
        r = ops.sigmoid(x_t[:, units : 2 * units] + u[:, units : 2 * units])
        n = ops.tanh(x_t[:, 2 * units :] + r * (u[:, 2 * units :] + bias))
        return (z * h + (1 - z) * n,)

    return _scan(step, x, (h0,), mask)[1]


def lstm(x: Any, kernel: Any, h0: Any, c0: Any, mask: Any) -> tuple[Any, Any]:
    def step(x_t: Any, h: Any, c: Any) -> State:
        i, f, g, o = ops.split(x_t + ops.matmul(h, kernel), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c

    (_, c), hs = _scan(step, x, (h0, c0), mask)
    return hs, c


def _scan(step: Callable[..., State], x: Any, state0: State, mask: Any) -> tuple[State, Any]:
    """Final state, and the first part of the state at every step; masked steps carry the state on."""
    if mask is not None:
        x = ops.where(mask, x, ops.zeros_like(x))

    def body(state: State, inputs: Any) -> tuple[State, State]:
        if mask is None:
            state = step(inputs, *state)
        else:
            x_t, valid = inputs
            state = tuple(ops.where(valid, new, old) for new, old in zip(step(x_t, *state), state, strict=True))
        return state, state

    final, states = ops.scan(body, state0, x if mask is None else (x, mask))
    return final, states[0]
