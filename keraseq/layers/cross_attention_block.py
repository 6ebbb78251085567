"""Cross-attention around a residual connection."""

from __future__ import annotations

from typing import Any

import keras

from keraseq.config import check
from keraseq.layers.cross_attention import CrossAttention
from keraseq.layers.residual import check_norm, entering, leaving
from keraseq.layers.single_attention import AdditiveAttention, MultiplicativeAttention
from keraseq.layers.streaming import CrossStreaming, Held, State
from keraseq.registry import layers

Shape = tuple[int | None, ...]

KINDS = ("multi_head", "multiplicative", "additive")


@layers.register(
    "cross_attention_block",
    tags={"block", "two_inputs", "causal"},
    reference="arXiv:1706.03762",
    cases=(
        {"heads": 2},
        {"attention": "multiplicative"},
        {"attention": "additive", "dropout": 0.2},
        {"heads": 2, "norm": "post"},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class CrossAttentionBlock(CrossStreaming):
    """Adds to each step what it reads from another sequence.

        y = x + dropout(W_o attention(norm(x), context))          (pre)
        y = norm(x + dropout(W_o attention(x, context)))          (post)

    Args:
        attention: `"multi_head"`, the default: see `CrossAttention`; `"multiplicative"`: `MultiplicativeAttention` with
            the general score; or `"additive"`: `AdditiveAttention` with as many units as x has features.
        heads: of multi-head attention, at least 1; 4 by default. The others have one.
        norm: whether layer normalisation stands before the part, `"pre"`, the default, or after the sum, `"post"`.
        dropout: fraction of what was read that is zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` and `(batch, context time, context features)` → `(batch, time, features)`.

    Mask: no step reads from padding of the context; where all of it is padding, zeros are read. That of `x` is passed
    on.

    Step by step: the state is what the attention keeps of the context.

    Raises:
        UsageError: unknown attention or norm, heads below 1, or dropout outside [0, 1).

    Reference: Vaswani et al. 2017, arXiv:1706.03762; the scores: Luong et al. 2015, arXiv:1508.04025, and Bahdanau
    et al. 2014, arXiv:1409.0473.
    """

    def __init__(
        self, attention: str = "multi_head", heads: int = 4, norm: str = "pre", dropout: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        check(attention in KINDS, f"attention must be one of {', '.join(KINDS)}; got {attention!r}")
        check(isinstance(heads, int) and heads >= 1, f"heads must be a whole number of at least 1; got {heads!r}")
        check_norm(norm)
        check(0 <= dropout < 1, f"dropout must be in [0, 1); got {dropout!r}")
        self.attention = attention
        self.heads = heads
        self.norm = norm
        self.dropout = dropout

    def build(self, x_shape: Shape, context_shape: Shape) -> None:
        policy = self.dtype_policy
        self.reader = self._reader(x_shape[-1])
        self.reader.build(x_shape, context_shape)
        self.combine = None  # multi-head attention has its own W_o
        if self.attention != "multi_head":
            self.combine = keras.layers.Dense(x_shape[-1], name="combine", dtype=policy)
            self.combine.build((*x_shape[:-1], context_shape[-1]))
        self.normalise = keras.layers.LayerNormalization(epsilon=1e-5, name="normalise", dtype=policy)
        self.normalise.build(x_shape)
        self.drop = keras.layers.Dropout(self.dropout, name="drop", dtype=policy)

    def remember(self, context: Any, context_mask: Any) -> State:
        return self.reader.remember(context, context_mask)

    def read(self, x: Any, memory: State, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        asked = entering(x, self.normalise, self.norm)
        y, _ = self.reader(asked, x_mask=mask, training=training, held=Held((memory, ())))
        y = y if self.combine is None else self.combine(y)
        return leaving(x, self.drop(y, training=training), self.normalise, self.norm), ()

    def attention_weights(self, x: Any, context: Any, x_mask: Any = None, context_mask: Any = None) -> Any:
        """How much each step reads from each of the context: `(batch, heads, time, context time)`."""
        asked = entering(x, self.normalise, self.norm)
        return self.reader.attention_weights(asked, context, x_mask, context_mask)

    def compute_output_shape(self, x_shape: Shape, context_shape: Shape) -> Shape:
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "attention": self.attention,
            "heads": self.heads,
            "norm": self.norm,
            "dropout": self.dropout,
        }

    def _reader(self, features: int | None) -> CrossAttention | MultiplicativeAttention | AdditiveAttention:
        assert features is not None
        if self.attention == "multi_head":
            return CrossAttention(self.heads, name="reader", dtype=self.dtype_policy)
        if self.attention == "multiplicative":
            return MultiplicativeAttention(name="reader", dtype=self.dtype_policy)
        return AdditiveAttention(features, name="reader", dtype=self.dtype_policy)
