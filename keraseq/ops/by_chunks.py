"""A long sequence in chunks, of which only one at a time is held in memory, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensors = tuple[Any, ...]
Chunk = Callable[[Any, Tensors, Tensors], tuple[Any, Any]]


def by_chunks(chunk: Chunk, state: Any, inputs: Tensors, weights: Tensors, length: int) -> tuple[Any, Any]:
    """Runs `chunk` on each chunk of a sequence; the backward pass runs it again, from the states between the chunks.

    Args:
        chunk: `(state, inputs of `length` steps, weights)` → outputs of these steps, and the state after. Steps whose
            inputs are all zero must leave the state unchanged: the last chunk is filled up with them.
        state: before the first step, one tensor with the batch first.
        inputs: each `(batch, time, …)`.
        weights: tensors that are the same for all chunks.
        length: steps of a chunk.

    Returns:
        Outputs of all steps, `(batch, time, …)`, and the last state.
    """
    time = inputs[0].shape[1]
    if time is not None and time <= length:
        return chunk(state, inputs, weights)
    cut = tuple(_cut(part, length) for part in inputs)
    if keras.backend.backend() == "tensorflow":
        from keraseq.ops._by_chunks_tensorflow import run_chunks

        y, state = run_chunks(chunk, state, cut, weights)
    else:
        again = keras.remat(chunk)
        state, y = ops.scan(lambda state, inputs: again(state, inputs, weights)[::-1], state, cut)
    y = ops.swapaxes(y, 0, 1)  # (batch, chunks, length, …)
    batch, chunks, length, *rest = ops.shape(y)
    return ops.reshape(y, (batch, chunks * length, *rest))[:, : ops.shape(inputs[0])[1]], state


def _cut(x: Any, length: int) -> Any:
    """`(batch, time, …)` → `(chunks, batch, length, …)`, filled up with zeros."""
    batch, time, *rest = ops.shape(x)
    chunks = -(-time // length)
    x = ops.pad(x, ((0, 0), (0, chunks * length - time), *((0, 0) for _ in rest)))
    return ops.swapaxes(ops.reshape(x, (batch, chunks, length, *rest)), 0, 1)
