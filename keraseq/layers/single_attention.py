"""Attention of one head to a context: additive, multiplicative and scaled dot-product scores."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.streaming import CrossStreaming, State
from keraseq.ops.attention import attend, shares, weights_of
from keraseq.ops.masks import zero_padding
from keraseq.registry import layers

Shape = tuple[int | None, ...]


class SingleAttention(CrossStreaming):
    """What attention with one score a step of the context shares: it gives the mean of the context by these scores.

    A subclass writes `keys` and `scores`.
    """

    def keys(self, context: Any) -> Any:
        """What the scores need of the context, `(batch, context time, …)`; by default all of it."""
        return context

    def scores(self, x: Any, keys: Any) -> Any:
        """How well steps of the context fit to steps of `x`: `(batch, time, context time)`."""
        raise NotImplementedError

    def remember(self, context: Any, context_mask: Any) -> State:
        return self.keys(context), context, context_mask

    def read(self, x: Any, memory: State, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        keys, context, valid = memory
        weights = ops.cast(shares(self.scores(x, keys), valid), context.dtype)
        return ops.matmul(weights, zero_padding(context, valid)), ()

    def attention_weights(self, x: Any, context: Any, x_mask: Any = None, context_mask: Any = None) -> Any:
        """How much each step reads from each of the context: `(batch, 1, time, context time)`."""
        keys, _, valid = self.remember(context, context_mask)
        return shares(self.scores(x, keys), valid)[:, None]

    def compute_output_shape(self, x_shape: Shape, context_shape: Shape) -> Shape:
        return (*x_shape[:-1], context_shape[-1])


@layers.register(
    "additive_attention",
    tags={"attention", "two_inputs", "causal"},
    reference="arXiv:1409.0473",
    cases=({"units": 5},),
)
@keras.saving.register_keras_serializable("keraseq")
class AdditiveAttention(SingleAttention):
    """Bahdanau's attention: a small network scores each step of the context for each step of x.

        e_ij = v · tanh(W x_i + U c_j + b)
        y_i = Σ_j softmax_j(e_ij) c_j

    Args:
        units: features between the two layers of the network, at least 1.

    Call shapes: `(batch, time, features)` and `(batch, context time, context features)` →
    `(batch, time, context features)`. The network's inner values take memory `(batch, time, context time, units)`.

    Mask: no step reads from padding of the context; where all of it is padding, zeros are read. That of `x` is passed
    on.

    Step by step: the state is the context, U c of it, and its mask.

    Raises:
        UsageError: units below 1.

    Reference: Bahdanau, Cho, Bengio 2014, arXiv:1409.0473.

    Differs from the paper: x is any sequence; there it is the decoder's state before the step. A bias b.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        check(isinstance(units, int) and units >= 1, f"units must be a whole number of at least 1; got {units!r}")
        self.units = units

    def build(self, x_shape: Shape, context_shape: Shape) -> None:
        policy = self.dtype_policy
        self.query = keras.layers.Dense(self.units, name="query", dtype=policy)
        self.query.build(x_shape)
        self.key = keras.layers.Dense(self.units, use_bias=False, name="key", dtype=policy)
        self.key.build(context_shape)
        self.score = keras.layers.Dense(1, use_bias=False, name="score", dtype=policy)
        self.score.build((*x_shape[:-1], context_shape[1], self.units))

    def keys(self, context: Any) -> Any:
        return self.key(context)

    def scores(self, x: Any, keys: Any) -> Any:
        inner = ops.tanh(self.query(x)[:, :, None] + keys[:, None])  # (batch, time, context time, units)
        return ops.squeeze(self.score(inner), -1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@layers.register(
    "multiplicative_attention",
    tags={"attention", "two_inputs", "causal"},
    reference="arXiv:1508.04025",
    cases=({},),
)
@keras.saving.register_keras_serializable("keraseq")
class MultiplicativeAttention(SingleAttention):
    """Luong's attention: the score of a step of the context is its product with the step of x.

        e_ij = x_i W c_j ("general")   or   e_ij = x_i · c_j ("dot")
        y_i = Σ_j softmax_j(e_ij) c_j

    Args:
        score: `"general"`, the default, or `"dot"`, which has no weights and needs as many features in x as in the
            context.

    Call shapes: `(batch, time, features)` and `(batch, context time, context features)` →
    `(batch, time, context features)`.

    Mask: no step reads from padding of the context; where all of it is padding, zeros are read. That of `x` is passed
    on.

    Step by step: the state is the context, W c of it, and its mask.

    Raises:
        UsageError: unknown score, or "dot" with features that differ.

    Reference: Luong, Pham, Manning 2015, arXiv:1508.04025, global attention.

    Differs from the paper: what is read is given as such; the layer tanh(W_c [y ; x]) after it is left to the caller.
    """

    def __init__(self, score: str = "general", **kwargs: Any):
        super().__init__(**kwargs)
        check(score in ("general", "dot"), f"score must be 'general' or 'dot'; got {score!r}")
        self.score = score

    def build(self, x_shape: Shape, context_shape: Shape) -> None:
        features = x_shape[-1]
        if self.score == "general":
            self.key = keras.layers.Dense(features, use_bias=False, name="key", dtype=self.dtype_policy)
            self.key.build(context_shape)
        else:
            check(
                features == context_shape[-1],
                f"score='dot' needs as many features in x as in the context; got {features} and {context_shape[-1]}. "
                "Use score='general'",
            )

    def keys(self, context: Any) -> Any:
        return self.key(context) if self.score == "general" else context

    def scores(self, x: Any, keys: Any) -> Any:
        return ops.einsum("bif,bjf->bij", x, keys)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "score": self.score}


@layers.register(
    "dot_product_attention",
    tags={"attention", "two_inputs", "causal"},
    reference="arXiv:1706.03762",
    cases=({"units": 5},),
)
@keras.saving.register_keras_serializable("keraseq")
class DotProductAttention(CrossStreaming):
    """Scaled dot-product attention to a context, with one head.

        y = softmax(Q Kᵀ / √units) V,   Q = x W_q,   K, V = context W_k, context W_v

    Args:
        units: features of queries, keys, values and the output, at least 1. Fused kernels ask for a multiple of 8.

    Call shapes: `(batch, time, features)` and `(batch, context time, context features)` → `(batch, time, units)`.

    Mask: no step reads from padding of the context; where all of it is padding, zeros are read. That of `x` is passed
    on.

    Step by step: the state is the keys and values of the context, projected once, and which of them are valid.

    Raises:
        UsageError: units below 1.

    Reference: Vaswani et al. 2017, arXiv:1706.03762, equation 1.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        check(isinstance(units, int) and units >= 1, f"units must be a whole number of at least 1; got {units!r}")
        self.units = units

    def build(self, x_shape: Shape, context_shape: Shape) -> None:
        def dense(name: str, shape: Shape) -> keras.layers.Dense:
            layer = keras.layers.Dense(self.units, use_bias=False, name=name, dtype=self.dtype_policy)
            layer.build(shape)
            return layer

        self.query = dense("query", x_shape)
        self.key = dense("key", context_shape)
        self.value = dense("value", context_shape)

    def remember(self, context: Any, context_mask: Any) -> State:
        return self.key(context), self.value(context), context_mask

    def read(self, x: Any, memory: State, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        k, v, valid = memory
        y = attend(self.query(x)[:, :, None], k[:, :, None], v[:, :, None], valid)  # (batch, time, 1, units)
        return ops.squeeze(y, 2), ()

    def attention_weights(self, x: Any, context: Any, x_mask: Any = None, context_mask: Any = None) -> Any:
        """How much each step reads from each of the context: `(batch, 1, time, context time)`."""
        return weights_of(self.query(x)[:, :, None], self.key(context)[:, :, None], context_mask)

    def compute_output_shape(self, x_shape: Shape, context_shape: Shape) -> Shape:
        return (*x_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
