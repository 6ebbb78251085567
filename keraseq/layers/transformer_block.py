"""The residual block of a Transformer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.attention import MultiHeadAttention
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register("transformer_block", tags={"attention"}, reference="arXiv:2002.04745")
@keras.saving.register_keras_serializable("keraseq")
class TransformerBlock(keras.Layer):
    """Self-attention and a feed-forward network of each step, each around a residual connection, normalised before.

        u = x + dropout(attention(norm(x)))
        y = u + dropout(W_2 dropout(gelu(W_1 norm(u))))

    Args:
        heads: attention heads, at least 1.
        feed_forward: features between W_1 and W_2 as a multiple of those of the input, above 0; 4 by default.
        causal: whether a step reads only from itself and earlier ones; off by default.
        positions: None, or `"rotary"`: see `MultiHeadAttention`.
        dropout: fraction zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → the same.

    Mask: no step reads from padding. Passed on.

    Raises:
        UsageError: heads below 1, feed_forward not above 0, unknown positions, or dropout outside [0, 1).

    Reference: Vaswani et al. 2017, arXiv:1706.03762, in the pre-norm form of Xiong et al. 2020, arXiv:2002.04745.

    Differs from the paper: GELU in place of ReLU. The last normalisation of a pre-norm network is left to the caller.
    """

    def __init__(
        self,
        heads: int,
        feed_forward: float = 4.0,
        causal: bool = False,
        positions: str | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(feed_forward > 0, f"feed_forward must be above 0; got {feed_forward!r}")
        self.heads = heads
        self.feed_forward = feed_forward
        self.causal = causal
        self.positions = positions
        self.dropout = dropout
        self.attention = MultiHeadAttention(
            heads, causal=causal, positions=positions, dropout=dropout, name="attention", dtype=self.dtype_policy
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        assert features is not None
        inner = max(1, round(self.feed_forward * features))
        policy = self.dtype_policy
        self.attention_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="attention_norm", dtype=policy)
        self.feed_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="feed_norm", dtype=policy)
        self.widen = keras.layers.Dense(inner, name="widen", dtype=policy)
        self.narrow = keras.layers.Dense(features, name="narrow", dtype=policy)
        self.inner_drop = keras.layers.Dropout(self.dropout, name="inner_drop", dtype=policy)
        self.outer_drop = keras.layers.Dropout(self.dropout, name="outer_drop", dtype=policy)
        for layer in (self.attention_norm, self.attention, self.feed_norm, self.widen):
            layer.build(input_shape)
        self.narrow.build((*input_shape[:-1], inner))

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        u = x + self.attention(self.attention_norm(x), mask=mask, training=training)
        v = self.inner_drop(ops.gelu(self.widen(self.feed_norm(u))), training=training)
        return u + self.outer_drop(self.narrow(v), training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "feed_forward": self.feed_forward,
            "causal": self.causal,
            "positions": self.positions,
            "dropout": self.dropout,
        }
