"""A layer run both ways."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.recurrent import LSTM
from keraseq.layers.s4d import S4D
from keraseq.layers.streaming import Streaming
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "bidirectional",
    tags={"recurrent"},
    reference="doi:10.1109/78.650093",
    cases=(lambda: {"layer": LSTM(3)}, lambda: {"layer": S4D(2)}),
)
@keras.saving.register_keras_serializable("keraseq")
class Bidirectional(keras.Layer):
    """Two layers over one sequence, one from each end, side by side.

        y_t = [forward_t ; backward_t]

    Args:
        layer: a layer of keraseq that has a direction, with `reverse=False`: a recurrent or state-space layer. It runs
            forwards; a copy with weights of its own and `reverse=True` runs backwards.

    Call shapes: `(batch, time, features)` → `(batch, time, 2 * units)`, the forward half first, where units are the
    features that the layer gives.

    Mask: both directions carry their state over padding. A recurrent layer so repeats at padding the last valid step
    before it, its backward copy the first valid step after it, and each is zero where there is none: after right
    padding of a row the backward half has its initial state, zeros. Passed on.

    Raises:
        UsageError: `layer` has no direction, or runs backwards itself.

    Reference: Schuster and Paliwal 1997, doi:10.1109/78.650093.
    """

    causal = False

    def __init__(self, layer: Streaming, **kwargs: Any):
        super().__init__(**kwargs)
        check(
            isinstance(layer, Streaming) and getattr(layer, "reverse", None) is False,
            f"layer must be one of keraseq that has reverse=False, such as GRU(64) or S4D(); got {layer!r}",
        )
        self.forward = layer
        self.backward = type(layer).from_config(
            {**layer.get_config(), "reverse": True, "name": f"{layer.name}_backward"}
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        for layer in (self.forward, self.backward):
            if not layer.built:  # a layer from a saved model comes built
                layer.build(input_shape)

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        forward = self.forward(x, mask=mask, training=training)
        backward = self.backward(x, mask=mask, training=training)
        return ops.concatenate([forward, backward], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *batch_and_time, units = self.forward.compute_output_shape(input_shape)
        return (*batch_and_time, 2 * units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.forward)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Bidirectional:
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})
