"""The recurrences of the classical recurrent networks over a whole sequence.

One calling convention for all three, with `gates` = 1, 3 or 4:

- `x`: inputs already projected, with their bias, `(batch, time, gates * units)`;
- `kernel`: `(units, gates * units)`;
- `bias`: recurrent bias, or None;
- initial state or states: `(batch, units)`;
- `mask`: bool, `(batch, time)`, True at valid steps, or None. At the other steps the state is carried on unchanged, so
  the output repeats the last valid state, and their inputs are never looked at.

Returned are the hidden states of all steps, `(batch, time, units)`, and the final state or states.

On TensorFlow a hand-derived gradient stands behind these functions (first derivatives only), elsewhere
`keras.ops.scan`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import keras
from keras import ops


def simple_rnn(x: Any, kernel: Any, bias: Any, h0: Any, mask: Any = None) -> tuple[Any, Any]:
    """`h_t = tanh(x_t + U h_(t-1) + b)`, where `b` is `bias`, `(units,)`."""
    x = x if bias is None else x + bias
    hs = _backend().simple_rnn(_time_major(x), kernel, h0, _steps(mask))
    return ops.transpose(hs, (1, 0, 2)), hs[-1]


def gru(x: Any, kernel: Any, bias: Any, h0: Any, mask: Any = None) -> tuple[Any, Any]:
    """Gated recurrent unit; gates lie in the order z, r, n along the last axis of `x` and `kernel`.

        z_t = σ(x_z + U_z h_(t-1))
        r_t = σ(x_r + U_r h_(t-1))
        n_t = tanh(x_n + r_t * (U_n h_(t-1) + b))
        h_t = z_t * h_(t-1) + (1 - z_t) * n_t

    `bias`, `(units,)`, is that of the candidate n alone: for the two gates it would add nothing to the bias in `x`.
    """
    bias = ops.zeros_like(kernel[0, : kernel.shape[0]]) if bias is None else bias
    hs = _backend().gru(_time_major(x), kernel, bias, h0, _steps(mask))
    return ops.transpose(hs, (1, 0, 2)), hs[-1]


def lstm(x: Any, kernel: Any, bias: Any, state0: tuple[Any, Any], mask: Any = None) -> tuple[Any, tuple[Any, Any]]:
    """Long short-term memory; gates lie in the order i, f, g, o along the last axis of `x`, `kernel` and `bias`.

        i_t, f_t, o_t = σ(x + U h_(t-1) + b),   g_t = tanh(x + U h_(t-1) + b)
        c_t = f_t * c_(t-1) + i_t * g_t
        h_t = o_t * tanh(c_t)

    States come as `(h, c)`.
    """
    x = x if bias is None else x + bias
    hs, c = _backend().lstm(_time_major(x), kernel, *state0, _steps(mask))
    return ops.transpose(hs, (1, 0, 2)), (hs[-1], c)


def _backend() -> ModuleType:
    if keras.backend.backend() == "tensorflow":
        from keraseq.ops import _recurrence_tensorflow

        return _recurrence_tensorflow
    from keraseq.ops import _recurrence_portable

    return _recurrence_portable


def _time_major(x: Any) -> Any:
    return ops.transpose(x, (1, 0, 2))


def _steps(mask: Any) -> Any:
    """`(batch, time)` → `(time, batch, 1)`."""
    return None if mask is None else ops.expand_dims(ops.transpose(ops.cast(mask, "bool")), -1)
