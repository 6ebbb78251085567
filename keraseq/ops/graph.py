"""Running a functional model operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Run = Callable[..., Any]


def run_graph(model: keras.Model, inputs: Any, replace: Callable[[Any], Run]) -> Any:
    """What the model gives, where `replace` says what is run in place of each of its operations.

    Args:
        model: functional.
        inputs: what the model takes; None in place of an input that nothing will look at.
        replace: operation → function that is called with its arguments; the operation itself leaves all as it is.
    """
    tensors = [
        None if x is None else _like(given, x)
        for x, given in zip(keras.tree.flatten(inputs), model.inputs, strict=True)
    ]
    return model._run_through_graph(tensors, operation_fn=replace)


def _like(given: keras.KerasTensor, x: Any) -> Any:
    """A tensor of the type of an input, with the mask of `x`, which a change of type would lose."""
    tensor = ops.convert_to_tensor(x, dtype=given.dtype)
    if tensor is not x and mask_of(x) is not None:
        keras.src.backend.set_keras_mask(tensor, mask_of(x))
    return tensor


def operations(model: keras.Model) -> list[Any]:
    """The operations of a functional model, inputs included, once for each call, in the order in which they run."""
    depths = model._nodes_by_depth
    return [node.operation for depth in sorted(depths, reverse=True) for node in depths[depth]]


def mask_of(x: Any) -> Any:
    """The mask that a tensor carries, bool `(batch, time)`, or None."""
    return keras.src.backend.get_keras_mask(x)
