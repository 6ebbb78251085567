"""A mask given as data."""

from __future__ import annotations

from typing import Any

import keras

from keraseq.ops import masks
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register("attach_mask", tags={"masking"}, cases=())
@keras.saving.register_keras_serializable("keraseq")
class AttachMask(keras.Layer):
    """Makes a mask that comes as data the mask of a sequence, and sets the padding to zero, whatever was there.

    Call shapes: `[x, mask]`, `(batch, time, features)` and bool `(batch, time)` → `(batch, time, features)`.

    Mask: the second input, for every layer that follows. A mask that `x` already had is replaced.
    """

    def call(self, inputs: list[Any], mask: Any = None) -> Any:
        x, valid = inputs
        return masks.zero_padding(x, valid)

    def compute_mask(self, inputs: list[Any], previous_mask: Any = None) -> Any:
        return keras.ops.cast(inputs[1], "bool")

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return tuple(input_shape[0])
