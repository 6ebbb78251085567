"""A layer run in single steps by a compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keraseq.testing.arrays import as_array
from keraseq.testing.gradients import Given, compiled


def context_of(given: Given) -> dict[str, Any]:
    """What `initial_state` takes of a layer's inputs: the context, where there is one."""
    return {"context": given["context"]} if "context" in given else {}


def run_by_steps(layer: Any, given: Given, like: np.ndarray, xla: bool) -> np.ndarray:
    """Outputs of single steps, as float32, by a loop whose state keeps its shape.

    Args:
        layer: built, with `initial_state` and `step`.
        given: its inputs, without masks.
        like: outputs of one call, which have the shape of what is wanted.
        xla: whether the loop is compiled by XLA, or else a graph.
    """
    batch, time = like.shape[:2]

    def loop(x: Any) -> Any:
        def body(t: Any, state: Any, ys: Any) -> tuple[Any, Any, Any]:
            y, state = layer.step(x[:, t], state)
            start = (0, t, *(0 for _ in like.shape[2:]))
            return t + 1, state, ops.slice_update(ys, start, ops.expand_dims(y, 1))

        start = (
            0,
            layer.initial_state(batch, time, **context_of(given)),
            ops.zeros(like.shape, dtype=layer.compute_dtype),
        )
        return ops.while_loop(lambda t, state, ys: t < time, body, start)[2]

    x = ops.cast(ops.convert_to_tensor(given["x"]), layer.compute_dtype)
    return as_array(compiled(loop, xla)(x))
