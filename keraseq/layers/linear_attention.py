"""Self-attention in time linear in the number of steps."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.attention import SelfAttention
from keraseq.layers.relative_positions import RelativePositions, Rotary
from keraseq.layers.streaming import State
from keraseq.ops.linear_attention import positive, read_all, read_past
from keraseq.registry import layers

LEAST = 1e-8
"""What a sum of weights is taken for at least, where a step has nothing to read from."""


@layers.register(
    "linear_attention",
    tags={"attention"},
    reference="arXiv:2006.16236",
    cases=(
        {"heads": 2},
        {"heads": 3, "positions": "rotary"},
        {"heads": 2, "causal": True, "key_size": 4},
        lambda: {"heads": 1, "causal": True, "positions": Rotary(base=50.0), "dropout": 0.2},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class LinearAttention(SelfAttention):
    """Each step reads from others by products of positive features, whose sums over steps are kept once for all.

        head_i = φ(q_i)ᵀ S / φ(q_i)ᵀ z,   S = Σ_j φ(k_j) v_jᵀ,   z = Σ_j φ(k_j),   φ(x) = elu(x) + 1
        y_i = [head_i of all heads] W_o

    over all j, or if causal over j ≤ i. With rotary positions S is of turned features, `R(j) φ(k_j)`, read by
    `R(i) φ(q_i)`; z is of those not turned.

    Args:
        heads: number of heads, at least 1.
        key_size: features of a query, key and value of one head, even; by default the features of the input divided by
            heads, rounded up to an even number.
        causal: whether a step reads only from itself and earlier ones; off by default.
        positions: None, the default, `"rotary"`, or a layer such as `Rotary(base=500.0)`.
        dropout: fraction of the output zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → `(batch, time, features)`, in time and memory linear in time.

    Mask: no step reads from padding; a step with nothing to read from reads zeros. Passed on.

    Step by step, if causal: the state is S, `(batch, heads, key_size, key_size)`, z, `(batch, heads, key_size, 1)`, and
    the number of steps so far; sums are float32.

    Raises:
        UsageError: heads below 1, key_size odd, other positions, or dropout outside [0, 1).

    Reference: Katharopoulos et al. 2020, arXiv:2006.16236; Su et al. 2021, arXiv:2104.09864, section 3.3 (rotary).

    Differs from the paper: φ(q_i)ᵀ z is taken for 1e-8 where it is less. Sums run over blocks of 64 steps, not over
    single ones, which gives the same.
    """

    def __init__(
        self,
        heads: int,
        key_size: int | None = None,
        causal: bool = False,
        positions: str | RelativePositions | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        check(
            positions in (None, "rotary") or isinstance(positions, Rotary),
            f"positions must be 'rotary', a Rotary layer or None, since there are no scores to add to; "
            f"got {positions!r}",
        )
        super().__init__(heads, key_size, None, causal, positions, dropout, **kwargs)

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        S = ops.zeros((batch_size, self.heads, self.size, self.size), dtype="float32")
        return S, S[..., :1], ops.zeros((), dtype="int32")

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        before = 0 if state is None else state[2]
        q, k, v = self._features(x, mask)
        turned_q, turned_k, one = self.turn(q, before), self.turn(k, before), ops.ones_like(v[..., :1])
        if self.causal:
            S, z = self._sums(x, state)
            numerator, S = read_past(turned_q, turned_k, v, S)
            denominator, z = read_past(q, k, one, z)
            after = (S, z, before + ops.shape(x)[1])
        else:
            numerator, denominator, after = read_all(turned_q, turned_k, v), read_all(q, k, one), None
        heads = ops.cast(numerator / ops.maximum(denominator, LEAST), self.compute_dtype)
        return self.join(heads, training), after

    def attention_weights(self, x: Any, mask: Any = None) -> Any:
        """How much each step reads from each, `(batch, heads, query, key)`, which `call` never needs to know.

        Those of a query sum to 1 over the keys, but not with rotary positions, which turn the features alone.
        """
        q, k, _ = self._features(x, mask)
        weights = ops.einsum("bihs,bjhs->bhij", self.turn(q, 0), self.turn(k, 0))
        total = ops.einsum("bihs,bjhs->bhij", q, k)
        weights, total = (ops.tril(weights), ops.tril(total)) if self.causal else (weights, total)
        return weights / ops.maximum(ops.sum(total, axis=-1, keepdims=True), LEAST)

    def _features(self, x: Any, mask: Any) -> tuple[Any, Any, Any]:
        """Features of queries and keys, and values, in float32; at padding the last two are zero."""
        q, k, v = self.split(x)
        q, k, v = positive(q), positive(k), ops.cast(v, "float32")
        if mask is not None:
            k, v = (ops.where(ops.cast(mask, "bool")[:, :, None, None], part, 0.0) for part in (k, v))
        return q, k, v

    def _sums(self, x: Any, state: State | None) -> tuple[Any, Any]:
        """S and z before the first step."""
        if state is not None:
            return state[0], state[1]
        S = ops.zeros((ops.shape(x)[0], self.heads, self.size, self.size), dtype="float32")
        return S, S[..., :1]
