"""Padding that is read as nothing."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.registry import layers

Shape = tuple[int | None, ...]
NEVER = -6e4  # the logit of what cannot be: finite in half precision too, for 0 times infinity is no number


@layers.register(
    "blank_padding", tags={"masking"}, reference="Graves et al. 2006, doi:10.1145/1143844.1143891", cases=()
)
@keras.saving.register_keras_serializable("keraseq")
class BlankPadding(keras.Layer):
    """Logits whose steps at padding say the last class, the blank of CTC, with certainty.

        y_t,k = x_t,k at valid steps;   at padding 0 for the last k, and -60,000 for all others

    A blank in front of a sequence or behind it changes neither what a path reads nor how likely it is, so whoever
    looks at the steps needs to know neither mask nor lengths. Padding inside a sequence is a pause: it parts a label
    from the same one after it.

    Call shapes: `(batch, time, classes)` → `(batch, time, classes)`.

    Mask: read, and not passed on, for what was padding is a step as others are.

    Reference: Graves et al. 2006, doi:10.1145/1143844.1143891, section 3.1, on blanks.
    """

    def call(self, x: Any, mask: Any = None) -> Any:
        if mask is None:
            return x
        blank = ops.arange(x.shape[-1]) == x.shape[-1] - 1  # (classes,)
        certain = ops.cast(ops.where(blank, 0.0, NEVER), x.dtype)
        return ops.where(ops.cast(mask, "bool")[..., None], x, certain)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
