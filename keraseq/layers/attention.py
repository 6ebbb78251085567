"""Self-attention."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.ops.rotary import rotary
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register("multi_head_attention", tags={"attention"}, reference="arXiv:1706.03762")
@keras.saving.register_keras_serializable("keraseq")
class MultiHeadAttention(keras.Layer):
    """Each step reads from the steps most like what it asks for, with several heads at once.

        head_i = softmax(Q_i K_iᵀ / √key_size) V_i,   Q_i, K_i, V_i = x W_i
        y = [head_1 ; … ; head_h] W_o

    Args:
        heads: number of heads h, at least 1.
        key_size: features of a query, key and value of one head, even; by default the features of the input divided by
            heads, rounded up to an even number, so that any input size fits any number of heads.
        causal: whether a step reads only from itself and earlier ones; off by default.
        positions: None, or `"rotary"` to turn queries and keys by their positions.
        dropout: fraction of the output zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → `(batch, time, features)`.

    Mask: no step reads from padding. A step with nothing to read from, as in a row that is all padding, gives finite
    numbers without meaning. Passed on.

    Raises:
        UsageError: heads below 1, key_size odd, unknown positions, or dropout outside [0, 1).

    Reference: Vaswani et al. 2017, arXiv:1706.03762; Su et al. 2021, arXiv:2104.09864 (rotary positions).

    Differs from the paper: dropout acts on the output, not on the attention weights, which fused kernels never show.
    """

    def __init__(
        self,
        heads: int,
        key_size: int | None = None,
        causal: bool = False,
        positions: str | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(isinstance(heads, int) and heads >= 1, f"heads must be a whole number of at least 1; got {heads!r}")
        check(
            key_size is None or (key_size >= 2 and key_size % 2 == 0),
            f"key_size must be an even number of at least 2, or None to derive it from the input; got {key_size!r}",
        )
        check(positions in (None, "rotary"), f"positions must be None or 'rotary'; got {positions!r}")
        check(0 <= dropout < 1, f"dropout must be in [0, 1); got {dropout!r}")
        self.heads = heads
        self.key_size = key_size
        self.causal = causal
        self.positions = positions
        self.dropout = dropout
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        assert features is not None
        self.size = self.key_size or 2 * -(-features // (2 * self.heads))
        self.project = keras.layers.Dense(3 * self.heads * self.size, name="project", dtype=self.dtype_policy)
        self.project.build(input_shape)
        self.combine = keras.layers.Dense(features, name="combine", dtype=self.dtype_policy)
        self.combine.build((*input_shape[:-1], self.heads * self.size))
        self.drop = keras.layers.Dropout(self.dropout, name="drop", dtype=self.dtype_policy)

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        batch, time = ops.shape(x)[:2]
        q, k, v = ops.unstack(ops.reshape(self.project(x), (batch, time, 3, self.heads, self.size)), axis=2)
        if self.positions == "rotary":
            q, k = rotary(q), rotary(k)
        readable = None if mask is None else ops.cast(mask, "bool")[:, None, None, :]  # (batch, heads, query, key)
        y = ops.dot_product_attention(q, k, v, mask=readable, is_causal=self.causal)
        return self.drop(self.combine(ops.reshape(y, (batch, time, self.heads * self.size))), training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_size": self.key_size,
            "causal": self.causal,
            "positions": self.positions,
            "dropout": self.dropout,
        }
