"""The residual blocks of a Transformer: encoder and decoder."""

from __future__ import annotations

from typing import Any

import keras

from keraseq.config import check
from keraseq.layers import components
from keraseq.layers.attention import MultiHeadAttention
from keraseq.layers.cross_attention_block import CrossAttentionBlock
from keraseq.layers.feed_forward import FeedForward
from keraseq.layers.residual import check_norm, entering, leaving
from keraseq.layers.streaming import CrossStreaming, Held, State, Streaming, through
from keraseq.registry import layers

Shape = tuple[int | None, ...]


class ResidualParts:
    """Self-attention and a feed-forward network, each around a residual connection: what both blocks have.

    The block has made `feed`, and has the settings `norm` and `dropout`.
    """

    feed: FeedForward
    norm: str
    dropout: float
    dtype_policy: Any

    def build_parts(self, attention: Streaming, shape: Shape) -> None:
        """Makes norms and dropouts, and builds all parts on steps of `shape`."""
        policy = self.dtype_policy
        self.attention_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="attention_norm", dtype=policy)
        self.feed_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="feed_norm", dtype=policy)
        self.attention_drop = keras.layers.Dropout(self.dropout, name="attention_drop", dtype=policy)
        self.feed_drop = keras.layers.Dropout(self.dropout, name="feed_drop", dtype=policy)
        for layer in (self.attention_norm, attention, self.feed_norm, self.feed):
            if not layer.built:  # attention from a saved model comes built
                layer.build(shape)

    def attended(
        self, attention: Streaming, x: Any, state: State | None, mask: Any, training: bool
    ) -> tuple[Any, State]:
        """`x` with what its steps read from each other, and the state of the attention after."""
        read, after = through(attention, entering(x, self.attention_norm, self.norm), state, mask, training)
        return leaving(x, self.attention_drop(read, training=training), self.attention_norm, self.norm), after

    def fed(self, x: Any, training: bool) -> Any:
        """`x` with what the feed-forward network makes of each step."""
        y = self.feed(entering(x, self.feed_norm, self.norm), training=training)
        return leaving(x, self.feed_drop(y, training=training), self.feed_norm, self.norm)


@layers.register(
    "transformer_block",
    tags={"block"},
    reference="arXiv:2002.04745",
    cases=(
        {"attention": 2, "feed_forward": 1.5},
        lambda: {"attention": MultiHeadAttention(2, causal=True, positions="rotary"), "dropout": 0.2},
        lambda: {"attention": MultiHeadAttention(2, causal=True, window=3), "norm": "post", "activation": "swiglu"},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class TransformerBlock(ResidualParts, Streaming):
    """Self-attention and a feed-forward network of each step, each around a residual connection.

        u = x + dropout(attention(norm(x))),   y = u + dropout(feed_forward(norm(u)))          (pre)
        u = norm(x + dropout(attention(x))),   y = norm(u + dropout(feed_forward(u)))          (post)

    Args:
        attention: a self-attention layer, such as `MultiHeadAttention(4, causal=True, positions="rotary")`, or a number
            of heads, 4 by default, for `MultiHeadAttention` with as many. The block is causal if it is.
        feed_forward: features within the feed-forward network as a multiple of those of the input, above 0; 4 by
            default.
        activation: of the feed-forward network: `"relu"`, `"gelu"`, the default, `"swish"` or `"swiglu"`.
        norm: whether layer normalisation stands before each part, `"pre"`, the default, or after each sum, `"post"`.
        dropout: fraction zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → the same.

    Mask: no step reads from padding. Passed on.

    Step by step, if causal: the state is that of the attention.

    Raises:
        UsageError: heads below 1, attention of another kind, feed_forward not above 0, unknown activation or norm, or
            dropout outside [0, 1).

    Reference: Vaswani et al. 2017, arXiv:1706.03762; the pre-norm form: Xiong et al. 2020, arXiv:2002.04745.

    Differs from the paper: GELU by default. The last normalisation of a pre-norm network is left to the caller.
    """

    def __init__(
        self,
        attention: int | Streaming = 4,
        feed_forward: float = 4.0,
        activation: str = "gelu",
        norm: str = "pre",
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_norm(norm)
        check(feed_forward > 0, f"feed_forward must be above 0; got {feed_forward!r}")
        self.given = attention
        self.feed_forward = feed_forward
        self.activation = activation
        self.norm = norm
        self.dropout = dropout
        policy = self.dtype_policy
        self.attention = components.self_attention(attention, False, None, policy)
        self.feed = FeedForward(feed_forward, activation, dropout, name="feed", dtype=policy)

    @property
    def causal(self) -> bool:  # type: ignore[override]  # follows the attention
        """Whether no output depends on later steps."""
        return self.attention.causal

    def build(self, input_shape: Shape) -> None:
        self.build_parts(self.attention, input_shape)

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return self.attention.initial_state(batch_size, max_length)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        u, after = self.attended(self.attention, x, state, mask, training)
        return self.fed(u, training), after

    def attention_weights(self, x: Any, mask: Any = None) -> Any:
        """How much each step reads from each: `(batch, heads, query, key)`, where the attention has such weights."""
        return self.attention.attention_weights(entering(x, self.attention_norm, self.norm), mask)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "attention": components.serialised(self.given),
            "feed_forward": self.feed_forward,
            "activation": self.activation,
            "norm": self.norm,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TransformerBlock:
        return cls(**{**config, "attention": components.deserialised(config["attention"])})


@layers.register(
    "transformer_decoder_block",
    tags={"block", "two_inputs", "causal"},
    reference="arXiv:1706.03762",
    cases=(
        {"self_attention": 2, "heads": 2, "feed_forward": 1.5},
        lambda: {
            "self_attention": MultiHeadAttention(2, causal=True, window=3, positions="rotary"),
            "attention": "additive",
            "norm": "post",
            "activation": "relu",
            "dropout": 0.2,
        },
        {"self_attention": 1, "attention": "multiplicative"},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class TransformerDecoderBlock(ResidualParts, CrossStreaming):
    """A Transformer block that also reads from another sequence, between its self-attention and feed-forward network.

        u = x + dropout(self_attention(norm(x)))
        v = u + dropout(W_o attention(norm(u), context))
        y = v + dropout(feed_forward(norm(v)))

    With `norm="post"`, each of the three is `norm(x + dropout(part(x)))` instead.

    Args:
        self_attention: a self-attention layer, such as `MultiHeadAttention(4, causal=True)`, or a number of heads, 4 by
            default, for a causal `MultiHeadAttention` with as many. The block is causal if it is.
        attention: how the context is read: `"multi_head"`, the default, `"multiplicative"` or `"additive"`: see
            `CrossAttentionBlock`.
        heads: of multi-head attention to the context, at least 1; 4 by default.
        feed_forward: features within the feed-forward network as a multiple of those of x, above 0; 4 by default.
        activation: of the feed-forward network: `"relu"`, `"gelu"`, the default, `"swish"` or `"swiglu"`.
        norm: whether layer normalisation stands before each part, `"pre"`, the default, or after each sum, `"post"`.
        dropout: fraction zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` and `(batch, context time, context features)` → `(batch, time, features)`.

    Mask: no step reads from padding, of x or of the context; where all of the context is padding, zeros are read. That
    of `x` is passed on.

    Step by step, if causal: the state is what the attention keeps of the context, and the self-attention's state.

    Raises:
        UsageError: heads below 1, self-attention or attention of another kind, feed_forward not above 0, unknown
            activation or norm, or dropout outside [0, 1).

    Reference: Vaswani et al. 2017, arXiv:1706.03762; the pre-norm form: Xiong et al. 2020, arXiv:2002.04745.

    Differs from the paper: GELU by default. The last normalisation of a pre-norm network is left to the caller.
    """

    def __init__(
        self,
        self_attention: int | Streaming = 4,
        attention: str = "multi_head",
        heads: int = 4,
        feed_forward: float = 4.0,
        activation: str = "gelu",
        norm: str = "pre",
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(feed_forward > 0, f"feed_forward must be above 0; got {feed_forward!r}")
        self.given = self_attention
        self.attention = attention
        self.heads = heads
        self.feed_forward = feed_forward
        self.activation = activation
        self.norm = norm
        self.dropout = dropout
        policy = self.dtype_policy
        self.self_attention = components.self_attention(self_attention, True, None, policy)
        self.cross = CrossAttentionBlock(attention, heads, norm, dropout, name="cross", dtype=policy)
        self.feed = FeedForward(feed_forward, activation, dropout, name="feed", dtype=policy)

    @property
    def causal(self) -> bool:  # type: ignore[override]  # follows the self-attention
        """Whether no output depends on later steps of x."""
        return self.self_attention.causal

    def build(self, x_shape: Shape, context_shape: Shape) -> None:
        self.build_parts(self.self_attention, x_shape)
        self.cross.build(x_shape, context_shape)

    def remember(self, context: Any, context_mask: Any) -> State:
        return self.cross.remember(context, context_mask)

    def steps_state(self, batch_size: int, max_length: int | None) -> State:
        return self.self_attention.initial_state(batch_size, max_length)

    def read(self, x: Any, memory: State, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        u, after = self.attended(self.self_attention, x, state, mask, training)
        v, _ = self.cross(u, x_mask=mask, training=training, held=Held((memory, ())))
        return self.fed(v, training), after

    def attention_weights(self, x: Any, context: Any, x_mask: Any = None, context_mask: Any = None) -> Any:
        """How much each step reads from each of the context: `(batch, heads, time, context time)`."""
        own = self.self_attention(entering(x, self.attention_norm, self.norm), mask=x_mask)
        u = leaving(x, own, self.attention_norm, self.norm)
        return self.cross.attention_weights(u, context, x_mask, context_mask)

    def compute_output_shape(self, x_shape: Shape, context_shape: Shape) -> Shape:
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "self_attention": components.serialised(self.given),
            "attention": self.attention,
            "heads": self.heads,
            "feed_forward": self.feed_forward,
            "activation": self.activation,
            "norm": self.norm,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TransformerDecoderBlock:
        return cls(**{**config, "self_attention": components.deserialised(config["self_attention"])})
