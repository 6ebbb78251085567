"""Where in a model its steps have become vectors, and where its backbone ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from keraseq.errors import UsageError
from keraseq.ops.graph import mask_of, run_graph

_ENTRIES = ("attach_mask", "embedding", "standardise", "log_mel")
_HEADS = ("pooling", "logits", "prediction")


@dataclass(frozen=True)
class Pass:
    """One pass of a model over a batch.

    Attributes:
        entered: the steps as vectors, `(batch, time, features)`, with their mask.
        backbone: the steps as the backbone gives them, `(batch, time, width)`.
        output: what the model gives.
    """

    entered: Any
    backbone: Any
    output: Any


def run(model: keras.Model, inputs: Any, entered: Any = None) -> Pass:
    """Runs a model of `keraseq.create_model`; given `entered`, on these vectors in place of those of `inputs`.

    Raises:
        UsageError: the model has another form, as an encoder–decoder has.
    """
    names = {layer.name for layer in model.layers}
    entry = next((name for name in _ENTRIES if name in names), None)
    head = next((name for name in _HEADS if name in names), None)
    if head is None:
        raise UsageError(
            f"model {model.name!r} has none of the layers {', '.join(_HEADS)}; wanted a model from create_model that "
            "is no encoder–decoder"
        )
    if entry is None and entered is not None:
        inputs = entered
    seen = {"entered": inputs}

    def watched(operation: Any) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if operation.name == head:
                seen["backbone"] = arguments[0]
            if operation.name != entry:
                return operation(*arguments, **named)
            seen["entered"] = operation(*arguments, **named)
            return seen["entered"] if entered is None else _masked(entered, mask_of(seen["entered"]))

        return call

    output = run_graph(model, inputs, watched)
    return Pass(keras.ops.convert_to_tensor(seen["entered"]), seen["backbone"], output)


def _masked(x: Any, mask: Any) -> Any:
    if mask is not None:
        keras.src.backend.set_keras_mask(x, mask)
    return x
