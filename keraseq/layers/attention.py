"""Multi-head self-attention."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.relative_positions import RelativeBias, RelativePositions, positions_of
from keraseq.layers.streaming import State, Streaming
from keraseq.ops import shift
from keraseq.ops.attention import attend, merge_heads, split_heads, weights_of
from keraseq.registry import layers

Shape = tuple[int | None, ...]

GROWS: State = ()
"""At the end of a state: the cache takes up every step. Without it, the cache keeps its size."""


def check_heads(heads: int, key_value_heads: int | None, key_size: int | None, dropout: float) -> None:
    """Raises UsageError where the arguments that attention layers share are refused."""
    check(isinstance(heads, int) and heads >= 1, f"heads must be a whole number of at least 1; got {heads!r}")
    check(
        key_value_heads is None
        or (isinstance(key_value_heads, int) and key_value_heads >= 1 and heads % key_value_heads == 0),
        f"key_value_heads must divide heads, or be None for as many; got {key_value_heads!r} and {heads}",
    )
    check(
        key_size is None or (key_size >= 2 and key_size % 2 == 0),
        f"key_size must be an even number of at least 2, or None to derive it from the input; got {key_size!r}",
    )
    check(0 <= dropout < 1, f"dropout must be in [0, 1); got {dropout!r}")


def head_size(key_size: int | None, features: int, heads: int) -> int:
    """`key_size`, or the features of the input divided by heads, rounded up to an even number."""
    return key_size or 2 * -(-features // (2 * heads))


class SelfAttention(Streaming):
    """What self-attention layers share: queries, keys and values of each step, and the way from heads to an output.

    Args:
        heads, key_size, key_value_heads, causal, positions, dropout: as in `MultiHeadAttention`.
    """

    def __init__(
        self,
        heads: int,
        key_size: int | None,
        key_value_heads: int | None,
        causal: bool,
        positions: str | RelativePositions | None,
        dropout: float,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_heads(heads, key_value_heads, key_size, dropout)
        self.heads = heads
        self.key_size = key_size
        self.key_value_heads = key_value_heads
        self.causal = causal
        self.positions = positions
        self.dropout = dropout
        self.relative = positions_of(positions, heads, causal)

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        assert features is not None
        self.size = head_size(self.key_size, features, self.heads)
        self.groups = self.key_value_heads or self.heads
        widths = (self.heads + 2 * self.groups) * self.size  # of queries, keys and values
        self.project = keras.layers.Dense(widths, name="project", dtype=self.dtype_policy)
        self.project.build(input_shape)
        self.combine = keras.layers.Dense(features, name="combine", dtype=self.dtype_policy)
        self.combine.build((*input_shape[:-1], self.heads * self.size))
        self.drop = keras.layers.Dropout(self.dropout, name="drop", dtype=self.dtype_policy)
        if self.relative is not None and not self.relative.built:  # a layer from a saved model comes built
            self.relative.build_for(self.heads, self.size)

    def split(self, x: Any) -> tuple[Any, Any, Any]:
        """Queries, keys and values, `(batch, time, heads or key_value_heads, size)`."""
        q, k, v = ops.split(self.project(x), [self.heads * self.size, (self.heads + self.groups) * self.size], axis=-1)
        return split_heads(q, self.heads), split_heads(k, self.groups), split_heads(v, self.groups)

    def turn(self, x: Any, before: Any) -> Any:
        """Queries or keys, told apart by their positions, of which `before` lie in front of the first."""
        return x if self.relative is None else self.relative.turn(x, before)

    def join(self, y: Any, training: bool) -> Any:
        """`(batch, time, heads, size)` → the output."""
        return self.drop(self.combine(merge_heads(y)), training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        layer = isinstance(self.positions, RelativePositions)
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_size": self.key_size,
            "causal": self.causal,
            "positions": keras.saving.serialize_keras_object(self.positions) if layer else self.positions,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SelfAttention:
        positions = config["positions"]
        if isinstance(positions, dict):
            positions = keras.saving.deserialize_keras_object(positions)
        return cls(**{**config, "positions": positions})


def _cases() -> tuple[Any, ...]:
    return (
        {"heads": 3},
        {"heads": 2, "key_size": 4, "causal": True, "positions": "rotary", "dropout": 0.2},
        {"heads": 4, "key_value_heads": 2, "causal": True, "positions": "alibi"},
        {"heads": 2, "key_value_heads": 1, "positions": "alibi"},
        {"heads": 2, "causal": True, "window": 3, "positions": "rotary"},
        {"heads": 2, "causal": True, "window": 1},
        {"heads": 2, "window": 2, "positions": "relative_bias"},
        {"heads": 2, "causal": True, "positions": "relative_bias"},
        lambda: {"heads": 2, "causal": True, "window": 4, "positions": RelativeBias(2, buckets=4, max_distance=3)},
    )


@layers.register("multi_head_attention", tags={"attention"}, reference="arXiv:1706.03762", cases=_cases())
@keras.saving.register_keras_serializable("keraseq")
class MultiHeadAttention(SelfAttention):
    """Each step reads from the steps most like what it asks for, with several heads at once.

        head_i = softmax(Q_i K_iᵀ / √key_size) V_i,   Q_i, K_i, V_i = x W_i
        y = [head_1 ; … ; head_h] W_o

    Args:
        heads: number of heads h, at least 1.
        key_size: features of a query, key and value of one head, even; by default the features of the input divided by
            heads, rounded up to an even number, so that any input size fits any number of heads. Fused kernels ask for
            a multiple of 8.
        key_value_heads: keys and values for so many heads, each for heads / key_value_heads heads that follow one
            another; by default as many as heads. Fewer make a smaller state.
        causal: whether a step reads only from itself and earlier ones; off by default.
        window: a step reads only from steps less than this many away, at least 1; None, the default, is no limit.
        positions: how a step knows how far others are: None, the default, if it does not; `"rotary"`,
            `"relative_bias"` or `"alibi"`; or such a layer, as `Rotary(base=500.0)`.
        dropout: fraction of the output zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → `(batch, time, features)`. With a window and more than two of it, scores
    take memory for `2 window` keys a step (causal) or `3 window`, not for all.

    Mask: no step reads from padding. A step with nothing to read from, as in a row that is all padding, gives finite
    numbers without meaning. Passed on.

    Step by step, if causal: the state is keys, values and which of them are valid, and the number of steps so far:
    those of the last `window - 1` steps, or of `max_length` steps, or else of all so far, so that it grows.

    Raises:
        UsageError: heads or window below 1, key_value_heads that do not divide heads, key_size odd, unknown positions,
            or dropout outside [0, 1).

    Reference: Vaswani et al. 2017, arXiv:1706.03762; Ainslie et al. 2023, arXiv:2305.13245 (grouped queries);
    Beltagy, Peters, Cohan 2020, arXiv:2004.05150 (windows).

    Differs from the paper: dropout acts on the output, not on the attention weights, which fused kernels never show.
    """

    def __init__(
        self,
        heads: int,
        key_size: int | None = None,
        key_value_heads: int | None = None,
        causal: bool = False,
        window: int | None = None,
        positions: str | RelativePositions | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(heads, key_size, key_value_heads, causal, positions, dropout, **kwargs)
        check(
            window is None or (isinstance(window, int) and window >= 1),
            f"window must be a whole number of at least 1, or None; got {window!r}",
        )
        self.window = window

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        size = max_length if self.window is None else self.window - 1
        keys = ops.zeros((batch_size, size or 0, self.groups, self.size), dtype=self.compute_dtype)
        valid = ops.zeros((batch_size, size or 0), dtype="bool")
        state = (keys, keys, valid, ops.zeros((), dtype="int32"))
        return state if size is not None else (*state, GROWS)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        if state is None:
            return self.join(attend(*self._turned(x, 0), mask, **self._limits()), training), None
        *cache, position = state[:4]
        q, k, v = self._turned(x, position)
        valid = ops.ones_like(x[:, :, 0], dtype="bool") if mask is None else ops.cast(mask, "bool")
        cached = ops.shape(cache[0])[1]
        k, v, valid = (ops.concatenate(pair, axis=1) for pair in zip(cache, (k, v, valid), strict=True))
        y = attend(q, k, v, valid, before=cached, **self._limits())
        kept = (k, v, valid) if state[4:] == (GROWS,) else (shift.latest(part, cached) for part in (k, v, valid))
        return self.join(y, training), (*kept, position + ops.shape(x)[1], *state[4:])

    def attention_weights(self, x: Any, mask: Any = None) -> Any:
        """How much each step reads from each: `(batch, heads, query, key)`."""
        q, k, _ = self._turned(x, 0)
        return weights_of(q, k, mask, **self._limits())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "key_value_heads": self.key_value_heads, "window": self.window}

    def _turned(self, x: Any, before: Any) -> tuple[Any, Any, Any]:
        q, k, v = self.split(x)
        return self.turn(q, before), self.turn(k, before), v

    def _limits(self) -> dict[str, Any]:
        bias = None if self.relative is None else self.relative.bias
        return {"causal": self.causal, "window": self.window, "bias": bias}
