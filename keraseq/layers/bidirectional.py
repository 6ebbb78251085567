"""A recurrent layer run both ways."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.recurrent import Recurrent
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register("bidirectional", tags={"recurrent"}, reference="doi:10.1109/78.650093")
@keras.saving.register_keras_serializable("keraseq")
class Bidirectional(keras.Layer):
    """Two recurrent layers over one sequence, one from each end, side by side.

        y_t = [forward_t ; backward_t]

    Args:
        layer: a recurrent layer of keraseq with `reverse=False`. It runs forwards; a copy with weights of its own and
            `reverse=True` runs backwards.

    Call shapes: `(batch, time, features)` → `(batch, time, 2 * units)`, the forward half first.

    Mask: both directions carry their state over padding. At padding the forward half so repeats the last valid step
    before it, the backward half the first valid step after it, and each is zero where there is none: after
    right padding of a row the backward half has its initial state, zeros. Passed on.

    Raises:
        UsageError: `layer` is not a recurrent layer of keraseq, or runs backwards itself.

    Reference: Schuster and Paliwal 1997, doi:10.1109/78.650093.
    """

    causal = False

    def __init__(self, layer: Recurrent, **kwargs: Any):
        super().__init__(**kwargs)
        check(
            isinstance(layer, Recurrent) and not layer.reverse,
            f"layer must be a recurrent layer of keraseq with reverse=False, such as GRU(64); got {layer!r}",
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
        return (*input_shape[:-1], 2 * self.forward.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.forward)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Bidirectional:
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})
