"""One step of each classical recurrent network: its equation.

A cell maps the projected inputs of one step, `x_t`, `(batch, gates * units)`, the parts of the state, `(batch, units)`
each, and weights to the state after. All of them take

- `kernel`: U, `(units, gates * units)`;
- `gain`: layer normalisation by `normalise`, `(gates * units,)`; None is none;
- `dropout`: recurrent dropout, `(batch, units)`, what the previous output is multiplied by; None is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

State = tuple[Any, ...]
Cell = Callable[..., State]
Weights = Mapping[str, Any]

EPSILON = 1e-5


def advance(cell: Cell, x_t: Any, state: State, weights: Weights, valid: Any = None) -> State:
    """The state after one step; where `valid`, `(batch, 1)`, is False, the state before."""
    after = cell(x_t, *state, **weights)
    if valid is None:
        return after
    return tuple(ops.where(valid, new, old) for new, old in zip(after, state, strict=True))


def simple_rnn(
    x_t: Any, h: Any, kernel: Any, gain: Any = None, norm_bias: Any = None, dropout: Any = None
) -> tuple[Any]:
    """`h_t = tanh(LN(x_t + U h_(t-1)))`, the only one whose sum is normalised as a whole."""
    return (ops.tanh(normalise(x_t + _recurrent(h, kernel, dropout), gain, norm_bias)),)


def gru(x_t: Any, h: Any, kernel: Any, bias: Any, gain: Any = None, dropout: Any = None) -> tuple[Any]:
    """`h_t = z * h_(t-1) + (1 - z) * n`."""
    z, _, n = gru_gates(x_t, h, kernel, bias, gain, dropout)
    return (z * h + (1 - z) * n,)


def gru_gates(x_t: Any, h: Any, kernel: Any, bias: Any, gain: Any = None, dropout: Any = None) -> tuple[Any, Any, Any]:
    """z, r and the candidate n; z and r are normalised together, n apart."""
    units = kernel.shape[0]
    u = normalise(_recurrent(h, kernel, dropout), gain, groups=(2 * units,))
    z = ops.sigmoid(x_t[:, :units] + u[:, :units])
    r = ops.sigmoid(x_t[:, units : 2 * units] + u[:, units : 2 * units])
    return z, r, ops.tanh(x_t[:, 2 * units :] + r * (u[:, 2 * units :] + bias))


def lstm(
    x_t: Any,
    h: Any,
    c: Any,
    kernel: Any,
    gain: Any = None,
    cell_gain: Any = None,
    cell_bias: Any = None,
    dropout: Any = None,
) -> tuple[Any, Any]:
    """`c_t = f * c_(t-1) + i * g,   h_t = o * tanh(LN(c_t))`."""
    i, f, g, o = lstm_gates(x_t, h, kernel, gain, dropout)
    c = f * c + i * g
    return o * ops.tanh(normalise(c, cell_gain, cell_bias)), c


def lstm_gates(x_t: Any, h: Any, kernel: Any, gain: Any = None, dropout: Any = None) -> tuple[Any, Any, Any, Any]:
    """i, f, the candidate g, and o, normalised together."""
    u = normalise(_recurrent(h, kernel, dropout), gain)
    i, f, g, o = ops.split(x_t + u, 4, axis=-1)
    return ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)


def normalise(a: Any, gain: Any, bias: Any = None, groups: tuple[int, ...] = ()) -> Any:
    """`gain * (a - mean) / deviation + bias` over the last axis, in float32; `a` itself where gain is None.

    `groups` are the places where the axis is cut into parts that are normalised apart.
    """
    if gain is None:
        return a
    parts = ops.split(ops.cast(a, "float32"), groups, axis=-1) if groups else [ops.cast(a, "float32")]
    y = ops.concatenate([_standardise(part) for part in parts], axis=-1) * ops.cast(gain, "float32")
    return y if bias is None else y + bias


def _standardise(a: Any) -> Any:
    centred = a - ops.mean(a, axis=-1, keepdims=True)
    return centred * ops.rsqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + EPSILON)


def _recurrent(h: Any, kernel: Any, dropout: Any) -> Any:
    return ops.matmul(h if dropout is None else h * dropout, kernel)
