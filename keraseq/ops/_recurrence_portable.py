"""A recurrence by `keras.ops.scan`: any backend, differentiated by it.

Shapes: `x` `(time, batch, gates * units)`, the parts of `state0` `(batch, units)`, `mask` `(time, batch, 1)` or None;
all parts of the state are returned at all steps, `(time, batch, units)`.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from keraseq.ops.cells import Cell, State, Weights, advance


def recur(cell: Cell, x: Any, state0: State, weights: Weights, mask: Any) -> State:
    def body(state: State, inputs: Any) -> tuple[State, State]:
        x_t, valid = (inputs, None) if mask is None else inputs
        state = advance(cell, x_t, state, weights, valid)
        return state, state

    return ops.scan(body, state0, x if mask is None else (x, mask))[1]
