"""Recurrences over a whole sequence: the classical networks' own, and that of any cell.

One calling convention for all, with `gates` = 1, 3 or 4:

- `x`: inputs already projected, with their bias, `(batch, time, gates * units)`;
- `kernel`: `(units, gates * units)`;
- `bias`: recurrent bias, or None;
- initial state or states: `(batch, units)`;
- `mask`: bool, `(batch, time)`, True at valid steps, or None. At the other steps the state is carried on unchanged, so
  the output repeats the last valid state, and their inputs are never looked at;
- `options`: further weights of the cell, for layer normalisation and recurrent dropout: see `cells`.

Returned are the hidden states of all steps, `(batch, time, units)`, and the final state or states.

On TensorFlow gradients of their own stand behind these functions (first derivatives only), derived by hand where no
option is given, elsewhere `keras.ops.scan`. A sequence of one step, where that is known, is the cell alone.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import keras
from keras import ops

from keraseq.ops import cells, masks
from keraseq.ops.cells import Cell, State, Weights, advance


def simple_rnn(x: Any, kernel: Any, bias: Any, h0: Any, mask: Any = None, **options: Any) -> tuple[Any, Any]:
    """`h_t = tanh(x_t + U h_(t-1) + b)`, where `b` is `bias`, `(units,)`."""
    x = x if bias is None else x + bias
    if options or not _is_fast(x):
        hs, (h,) = recur(cells.simple_rnn, x, (h0,), {"kernel": kernel, **options}, mask)
        return hs, h
    hs = _backend().simple_rnn(_time_major(x), kernel, h0, _steps(mask))
    return _time_major(hs), hs[-1]


def gru(x: Any, kernel: Any, bias: Any, h0: Any, mask: Any = None, **options: Any) -> tuple[Any, Any]:
    """Gated recurrent unit; gates lie in the order z, r, n along the last axis of `x` and `kernel`.

        z_t = σ(x_z + U_z h_(t-1))
        r_t = σ(x_r + U_r h_(t-1))
        n_t = tanh(x_n + r_t * (U_n h_(t-1) + b))
        h_t = z_t * h_(t-1) + (1 - z_t) * n_t

    `bias`, `(units,)`, is that of the candidate n alone: for the two gates it would add nothing to the bias in `x`.
    """
    bias = ops.zeros_like(kernel[0, : kernel.shape[0]]) if bias is None else bias
    if options or not _is_fast(x):
        hs, (h,) = recur(cells.gru, x, (h0,), {"kernel": kernel, "bias": bias, **options}, mask)
        return hs, h
    hs = _backend().gru(_time_major(x), kernel, bias, h0, _steps(mask))
    return _time_major(hs), hs[-1]


def lstm(
    x: Any, kernel: Any, bias: Any, state0: tuple[Any, Any], mask: Any = None, **options: Any
) -> tuple[Any, tuple[Any, Any]]:
    """Long short-term memory; gates lie in the order i, f, g, o along the last axis of `x`, `kernel` and `bias`.

        i_t, f_t, o_t = σ(x + U h_(t-1) + b),   g_t = tanh(x + U h_(t-1) + b)
        c_t = f_t * c_(t-1) + i_t * g_t
        h_t = o_t * tanh(c_t)

    States come as `(h, c)`.
    """
    x = x if bias is None else x + bias
    if options or not _is_fast(x):
        hs, (h, c) = recur(cells.lstm, x, state0, {"kernel": kernel, **options}, mask)
        return hs, (h, c)
    hs, c = _backend().lstm(_time_major(x), kernel, *state0, _steps(mask))
    return _time_major(hs), (hs[-1], c)


def recur(cell: Cell, x: Any, state0: State, weights: Weights, mask: Any = None) -> tuple[Any, State]:
    """The recurrence of any cell, `state_t = cell(x_t, *state_(t-1), **weights)`.

    What is differentiated stands among the arguments: a cell closes over no weights. Steps are computed in float32 at
    least; what is returned has the precision of `state0`.
    """
    dtype = state0[0].dtype
    x, state0 = _widened(x), tuple(map(_widened, state0))
    weights = {name: _widened(weight) for name, weight in weights.items()}
    if x.shape[1] == 1:
        valid = None if mask is None else ops.cast(mask, "bool")
        last = advance(cell, masks.zero_padding(x, mask)[:, 0], state0, weights, valid)
        hs = last[0][:, None]
    else:
        states = _backend().recur(cell, _time_major(x), state0, weights, _steps(mask))
        hs, last = _time_major(states[0]), tuple(part[-1] for part in states)
    return ops.cast(hs, dtype), tuple(ops.cast(part, dtype) for part in last)


def _widened(x: Any) -> Any:
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def _is_fast(x: Any) -> bool:
    """Whether a gradient derived by hand exists here, and pays."""
    return keras.backend.backend() == "tensorflow" and x.shape[1] != 1


def _backend() -> ModuleType:
    if keras.backend.backend() == "tensorflow":
        from keraseq.ops import _recurrence_tensorflow

        return _recurrence_tensorflow
    from keraseq.ops import _recurrence_portable

    return _recurrence_portable


def _time_major(x: Any) -> Any:
    """`(batch, time, …)` ↔ `(time, batch, …)`."""
    return ops.transpose(x, (1, 0, 2))


def _steps(mask: Any) -> Any:
    """`(batch, time)` → `(time, batch, 1)`."""
    return None if mask is None else ops.expand_dims(ops.transpose(ops.cast(mask, "bool")), -1)
