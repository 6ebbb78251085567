"""The block of a Conformer: attention for what is far, convolution for what is near."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers import components
from keraseq.layers.attention import MultiHeadAttention
from keraseq.layers.depthwise import DepthwiseConv1D
from keraseq.layers.feed_forward import FeedForward
from keraseq.layers.streaming import State, Streaming, through
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "conformer_convolution",
    tags={"convolutional", "causal"},
    reference="arXiv:2005.08100",
    cases=({"kernel_size": 3}, {"kernel_size": 4, "causal": False}),
)
@keras.saving.register_keras_serializable("keraseq")
class ConformerConvolution(Streaming):
    """The convolution module of a Conformer, without the normalisation before it.

        u = a * σ(b),   [a ; b] = W_1 x
        y = W_2 swish(norm(depthwise(u)))

    Args:
        kernel_size: taps of the depthwise convolution, at least 1.
        causal: whether no output depends on later steps; on by default. Else the taps lie around a step.

    Call shapes: `(batch, time, features)` → the same.

    Mask: padding is read as zero by the convolution. Passed on.

    Step by step, if causal: the state is that of the depthwise convolution.

    Raises:
        UsageError: kernel_size below 1.

    Reference: Gulati et al. 2020, arXiv:2005.08100.

    Differs from the paper: layer normalisation in place of batch normalisation, so that no row of a batch, and no
    padding, changes another.
    """

    def __init__(self, kernel_size: int, causal: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.causal = causal
        self.depthwise = DepthwiseConv1D(kernel_size, causal=causal, name="depthwise", dtype=self.dtype_policy)

    def build(self, input_shape: Shape) -> None:
        features, policy = input_shape[-1], self.dtype_policy
        assert features is not None
        self.enter = keras.layers.Dense(2 * features, name="enter", dtype=policy)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=policy)
        self.leave = keras.layers.Dense(features, name="leave", dtype=policy)
        for layer in (self.enter, self.depthwise, self.norm, self.leave):
            layer.build(input_shape)

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return self.depthwise.initial_state(batch_size, max_length)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        a, b = ops.split(self.enter(x), 2, axis=-1)
        u, after = through(self.depthwise, a * ops.sigmoid(b), state, mask, training)
        return self.leave(ops.silu(self.norm(u))), after

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size, "causal": self.causal}


@layers.register(
    "conformer_block",
    tags={"block"},
    reference="arXiv:2005.08100",
    cases=(
        {"attention": 2, "kernel_size": 3, "feed_forward": 1.5},
        lambda: {
            "attention": MultiHeadAttention(2, causal=True, window=3, positions="rotary"),
            "kernel_size": 4,
            "dropout": 0.2,
        },
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class ConformerBlock(Streaming):
    """Self-attention and then convolution, between two half feed-forward networks.

        u = x + dropout(feed_forward(norm(x))) / 2
        v = u + dropout(attention(norm(u)))
        w = v + dropout(convolution(norm(v)))
        y = norm(w + dropout(feed_forward'(norm(w))) / 2)

    Args:
        attention: a self-attention layer, such as `MultiHeadAttention(4, causal=True, positions="rotary")`, or a number
            of heads, 4 by default, for `MultiHeadAttention` with as many and rotary positions. The block, its
            convolution included, is causal if it is.
        kernel_size: taps of the convolution, at least 1; 31 by default.
        feed_forward: features within each feed-forward network as a multiple of those of the input, above 0; 4 by
            default.
        dropout: fraction zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → the same.

    Mask: no step reads from padding; the convolution reads it as zero. Passed on.

    Step by step, if causal: the states of the attention and of the convolution.

    Raises:
        UsageError: heads or kernel_size below 1, attention of another kind, feed_forward not above 0, or dropout
            outside [0, 1).

    Reference: Gulati et al. 2020, arXiv:2005.08100.

    Differs from the paper: layer normalisation in place of batch normalisation within the convolution: see
    `ConformerConvolution`; rotary positions, or those of the given attention, in place of those of Transformer-XL.
    """

    def __init__(
        self,
        attention: int | Streaming = 4,
        kernel_size: int = 31,
        feed_forward: float = 4.0,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(feed_forward > 0, f"feed_forward must be above 0; got {feed_forward!r}")
        self.given = attention
        self.kernel_size = kernel_size
        self.feed_forward = feed_forward
        self.dropout = dropout
        policy = self.dtype_policy
        self.attention = components.self_attention(attention, False, "rotary", policy)
        self.first_feed = FeedForward(feed_forward, "swish", dropout, name="first_feed", dtype=policy)
        self.convolution = ConformerConvolution(
            kernel_size, causal=self.attention.causal, name="convolution", dtype=policy
        )
        self.second_feed = FeedForward(feed_forward, "swish", dropout, name="second_feed", dtype=policy)

    @property
    def causal(self) -> bool:  # type: ignore[override]  # follows the attention
        """Whether no output depends on later steps."""
        return self.attention.causal

    def build(self, input_shape: Shape) -> None:
        parts = ("first_feed", "attention", "convolution", "second_feed")
        self.norms = {name: self._norm(f"{name}_norm", input_shape) for name in (*parts, "last")}
        self.drops = {
            name: keras.layers.Dropout(self.dropout, name=f"{name}_drop", dtype=self.dtype_policy) for name in parts
        }
        for name in parts:
            if not getattr(self, name).built:  # attention from a saved model comes built
                getattr(self, name).build(input_shape)

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return tuple(part.initial_state(batch_size, max_length) for part in (self.attention, self.convolution))

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        before = (None, None) if state is None else state

        def part(name: str, x: Any, state: State | None = None) -> tuple[Any, State]:
            y, after = through(getattr(self, name), self.norms[name](x), state, mask, training)
            return self.drops[name](y, training=training), after

        u = x + part("first_feed", x)[0] / 2
        read, remembered = part("attention", u, before[0])
        v = u + read
        near, buffer = part("convolution", v, before[1])
        w = v + near
        return self.norms["last"](w + part("second_feed", w)[0] / 2), (remembered, buffer)

    def attention_weights(self, x: Any, mask: Any = None) -> Any:
        """How much each step reads from each: `(batch, heads, query, key)`, where the attention has such weights."""
        u = x + self.first_feed(self.norms["first_feed"](x)) / 2
        return self.attention.attention_weights(self.norms["attention"](u), mask)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "attention": components.serialised(self.given),
            "kernel_size": self.kernel_size,
            "feed_forward": self.feed_forward,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ConformerBlock:
        return cls(**{**config, "attention": components.deserialised(config["attention"])})

    def _norm(self, name: str, shape: Shape) -> keras.Layer:
        layer = keras.layers.LayerNormalization(epsilon=1e-5, name=name, dtype=self.dtype_policy)
        layer.build(shape)
        return layer
