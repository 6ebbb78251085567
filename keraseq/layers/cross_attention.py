"""Multi-head attention to another sequence."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.layers.attention import check_heads, head_size
from keraseq.layers.streaming import CrossStreaming, State
from keraseq.ops.attention import attend, merge_heads, split_heads, weights_of
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "cross_attention",
    tags={"attention", "two_inputs", "causal"},
    reference="arXiv:1706.03762",
    cases=({"heads": 3}, {"heads": 4, "key_value_heads": 2, "key_size": 6}, {"heads": 2, "dropout": 0.2}),
)
@keras.saving.register_keras_serializable("keraseq")
class CrossAttention(CrossStreaming):
    """Each step reads from the steps of another sequence most like what it asks for, with several heads at once.

        head_i = softmax(Q_i K_iᵀ / √key_size) V_i,   Q_i = x W_i,   K_i, V_i = context W'_i
        y = [head_1 ; … ; head_h] W_o

    Args:
        heads: number of heads h, at least 1.
        key_size: features of a query, key and value of one head, even; by default the features of `x` divided by
            heads, rounded up to an even number. Fused kernels ask for a multiple of 8.
        key_value_heads: keys and values for so many heads, each for heads / key_value_heads heads that follow one
            another; by default as many as heads.
        dropout: fraction of the output zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` and `(batch, context time, context features)` → `(batch, time, features)`.

    Mask: no step reads from padding of the context; where all of it is padding, zeros are read. That of `x` is passed
    on.

    Step by step: the state is the keys and values of the context, projected once, and which of them are valid.

    Raises:
        UsageError: heads below 1, key_value_heads that do not divide heads, key_size odd, or dropout outside [0, 1).

    Reference: Vaswani et al. 2017, arXiv:1706.03762; Ainslie et al. 2023, arXiv:2305.13245 (grouped queries).

    Differs from the paper: dropout acts on the output, not on the attention weights, which fused kernels never show.
    """

    def __init__(
        self,
        heads: int,
        key_size: int | None = None,
        key_value_heads: int | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_heads(heads, key_value_heads, key_size, dropout)
        self.heads = heads
        self.key_size = key_size
        self.key_value_heads = key_value_heads
        self.dropout = dropout

    def build(self, x_shape: Shape, context_shape: Shape) -> None:
        features = x_shape[-1]
        assert features is not None
        self.size = head_size(self.key_size, features, self.heads)
        self.groups = self.key_value_heads or self.heads
        policy = self.dtype_policy
        self.query = keras.layers.Dense(self.heads * self.size, name="query", dtype=policy)
        self.query.build(x_shape)
        self.key_value = keras.layers.Dense(2 * self.groups * self.size, name="key_value", dtype=policy)
        self.key_value.build(context_shape)
        self.combine = keras.layers.Dense(features, name="combine", dtype=policy)
        self.combine.build((*x_shape[:-1], self.heads * self.size))
        self.drop = keras.layers.Dropout(self.dropout, name="drop", dtype=policy)

    def remember(self, context: Any, context_mask: Any) -> State:
        k, v = ops.split(self.key_value(context), 2, axis=-1)
        return split_heads(k, self.groups), split_heads(v, self.groups), context_mask

    def read(self, x: Any, memory: State, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        k, v, valid = memory
        y = attend(split_heads(self.query(x), self.heads), k, v, valid)
        return self.drop(self.combine(merge_heads(y)), training=training), ()

    def attention_weights(self, x: Any, context: Any, x_mask: Any = None, context_mask: Any = None) -> Any:
        """How much each step reads from each of the context: `(batch, heads, time, context time)`."""
        k, _, valid = self.remember(context, context_mask)
        return weights_of(split_heads(self.query(x), self.heads), k, valid)

    def compute_output_shape(self, x_shape: Shape, context_shape: Shape) -> Shape:
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_size": self.key_size,
            "key_value_heads": self.key_value_heads,
            "dropout": self.dropout,
        }
