"""Attention whose weights are products of features, so that sums over keys can be carried along.

Shapes: `q` and `k`, features of queries and keys, are `(batch, time, heads, size)`, `v` is
`(batch, time, heads, width)`.
"""

from __future__ import annotations

from typing import Any

from keras import ops

BLOCK = 64
"""Steps that are compared one with another; between blocks, sums are carried."""


def positive(x: Any) -> Any:
    """elu(x) + 1, in float32: above 0."""
    return ops.elu(ops.cast(x, "float32")) + 1.0


def read_all(q: Any, k: Any, v: Any) -> Any:
    """`y_i = Σ_j (q_i · k_j) v_j` over all j: `(batch, time, heads, width)`."""
    return ops.einsum("bihs,bhsw->bihw", q, ops.einsum("bjhs,bjhw->bhsw", k, v))


def read_past(q: Any, k: Any, v: Any, before: Any) -> tuple[Any, Any]:
    """`y_i = (before + Σ_(j ≤ i) k_j v_jᵀ)ᵀ q_i`, and that sum after the last step.

    Steps are taken in blocks. Within one, each query meets each key; from all blocks before, the sum is carried. It
    takes memory `(time, BLOCK)` and `(time / BLOCK, size, width)` for each head.

    Args:
        q, k, v: see the module.
        before: the sum over earlier steps, `(batch, heads, size, width)`.
    """
    batch, time = ops.shape(q)[:2]
    block = min(BLOCK, q.shape[1] or BLOCK)
    blocks = -(-time // block)

    def split(x: Any) -> Any:
        x = ops.pad(x, ((0, 0), (0, blocks * block - time), (0, 0), (0, 0)))
        return ops.reshape(x, (batch, blocks, block, *x.shape[2:]))

    q, k, v = split(q), split(k), split(v)  # (batch, blocks, block, heads, …)
    within = ops.tril(ops.einsum("bnihs,bnjhs->bnhij", q, k))
    sums = ops.einsum("bnjhs,bnjhw->bnhsw", k, v)
    carried = before[:, None] + ops.cumsum(sums, axis=1) - sums  # over all blocks before
    y = ops.einsum("bnhij,bnjhw->bnihw", within, v) + ops.einsum("bnihs,bnhsw->bnihw", q, carried)
    y = ops.reshape(y, (batch, blocks * block, *y.shape[3:]))[:, :time]
    return y, before + ops.sum(sums, axis=1)
