"""Pooling by attention."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.ops.attention import shares
from keraseq.ops.masks import zero_padding
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register("attention_pooling", tags={"pooling"}, reference="doi:10.18653/v1/N16-1174", cases=({}, {"units": 3}))
@keras.saving.register_keras_serializable("keraseq")
class AttentionPooling(keras.Layer):
    """One vector for a whole sequence: its mean, weighted by how well each step fits to a learned query.

        y = Σ_t softmax_t(q · tanh(W x_t + b)) x_t

    Args:
        units: size of the query q, at least 1; as many as x has features by default.

    Call shapes: `(batch, time, features)` → `(batch, features)`.

    Mask: only valid steps count. A row that is all padding gives zeros. Not passed on.

    Raises:
        UsageError: units below 1.

    Reference: Yang et al. 2016, Hierarchical attention networks, doi:10.18653/v1/N16-1174.
    """

    def __init__(self, units: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        check(
            units is None or (isinstance(units, int) and units >= 1),
            f"units must be a whole number of at least 1, or None; got {units!r}",
        )
        self.units = units

    def build(self, input_shape: Shape) -> None:
        units = self.units or input_shape[-1]
        self.inner = keras.layers.Dense(units, activation="tanh", name="inner", dtype=self.dtype_policy)
        self.inner.build(input_shape)
        self.query = keras.layers.Dense(1, use_bias=False, name="query", dtype=self.dtype_policy)
        self.query.build((*input_shape[:-1], units))

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        scores = ops.swapaxes(self.query(self.inner(x)), 1, 2)  # (batch, 1, time)
        weights = ops.cast(shares(scores, mask), x.dtype)
        return ops.squeeze(ops.matmul(weights, zero_padding(x, mask)), 1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
