"""Steps that read from other steps, by how well queries and keys match.

Shapes: queries `(batch, queries, heads, size)`, keys and values `(batch, keys, key heads, size)`, where each key head
serves heads / key heads heads that follow one another; `valid` is `(batch, keys)`, True at steps that may be read, or
None where all may.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Bias = Callable[[Any, Any, Any], Any]
"""(queries, keys, before) → what is added to scores, `(heads, queries, keys)`, or None: see `attend`."""

LOWEST = -1e30
"""Score of a key that may not be read."""


def split_heads(x: Any, heads: int) -> Any:
    """`(batch, time, heads * size)` → `(batch, time, heads, size)`."""
    batch, time = ops.shape(x)[:2]
    return ops.reshape(x, (batch, time, heads, x.shape[-1] // heads))


def merge_heads(x: Any) -> Any:
    """`(batch, time, heads, size)` → `(batch, time, heads * size)`."""
    batch, time = ops.shape(x)[:2]
    return ops.reshape(x, (batch, time, x.shape[2] * x.shape[3]))


def attend(
    q: Any,
    k: Any,
    v: Any,
    valid: Any = None,
    *,
    causal: bool = False,
    window: int | None = None,
    bias: Bias | None = None,
    before: Any = None,
) -> Any:
    """Each query's mean of the values, weighted by how well their keys match it: `(batch, queries, heads, size)`.

        y = softmax(q kᵀ / √size + bias) v

    A query that may read nothing gives zeros where no key is valid, else finite numbers without meaning.

    Args:
        q, k, v, valid: see the module.
        causal: whether query i reads only from keys up to `before + i`.
        window: query i reads only from keys less than `window` away from `before + i`; None is no limit.
        bias: gives what is added to the scores, of a query and a key by their distance alone.
        before: keys in front of the first query's own. None where queries and keys are of the same steps, or of two
            sequences, without order between them.
    """
    if valid is not None:
        v = ops.where(valid[:, :, None, None], v, ops.zeros_like(v))
    length = q.shape[1]
    if window is not None and before is None and (length is None or length > 2 * window):
        return _in_blocks(q, k, v, valid, causal, window, bias)
    if window is None and before is None:
        return _attend(q, k, v, _all_queries(valid, q), _scores(bias, q, k, 0), is_causal=causal)
    before = 0 if before is None else before
    near = reachable(ops.shape(q)[1], ops.shape(k)[1], before, causal, window)
    mask = _all_queries(valid, q) if near is None else near if valid is None else near & valid[:, None, None, :]
    return _attend(q, k, v, mask, _scores(bias, q, k, before))


def distances(queries: Any, keys: Any, before: Any = 0) -> Any:
    """How many steps key j lies behind query i, which is at key `before + i`: int32, `(queries, keys)`."""
    at = before + ops.arange(queries, dtype="int32")
    return at[:, None] - ops.arange(keys, dtype="int32")[None, :]


def reachable(queries: Any, keys: Any, before: Any, causal: bool, window: int | None) -> Any:
    """Which keys a query may read by their distance: bool, `(1, 1, queries, keys)`; None where all."""
    distance = distances(queries, keys, before)[None, None]
    limits = ([distance >= 0] if causal else []) + ([ops.abs(distance) < window] if window is not None else [])
    return functools.reduce(ops.logical_and, limits) if limits else None


def weights_of(
    q: Any, k: Any, valid: Any = None, *, causal: bool = False, window: int | None = None, bias: Bias | None = None
) -> Any:
    """How `attend` weighs the keys for each query: float32, `(batch, heads, queries, keys)`. Arguments as there."""
    queries, heads = ops.shape(q)[1], q.shape[2]
    k = ops.repeat(k, heads // k.shape[2], axis=2)
    scores = ops.cast(ops.einsum("bihs,bjhs->bhij", q, k), "float32") / math.sqrt(q.shape[3])
    added, near = _scores(bias, q, k, 0), reachable(queries, ops.shape(k)[1], 0, causal, window)
    scores = scores if added is None else scores + ops.cast(added, "float32")
    scores = scores if near is None else ops.where(near, scores, LOWEST)
    return shares(scores, valid)


def shares(scores: Any, valid: Any) -> Any:
    """Softmax over valid keys, in float32: `(batch, queries, keys)`, or with heads before queries; `valid` as above."""
    scores = ops.cast(scores, "float32")
    if valid is not None:
        valid = ops.cast(valid, "bool")
        scores = ops.where(valid[:, None] if len(scores.shape) == 3 else valid[:, None, None], scores, LOWEST)
    likely = ops.exp(scores - ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True)))
    return likely / ops.sum(likely, axis=-1, keepdims=True)


def _in_blocks(q: Any, k: Any, v: Any, valid: Any, causal: bool, window: int, bias: Bias | None) -> Any:
    """`attend` within a window: blocks of `window` queries read from their own block and its neighbours.

    The scores take memory `(time, 2 window)` if causal, else `(time, 3 window)`.
    """
    batch, time = ops.shape(q)[:2]
    blocks = -(-time // window)
    short = blocks * window - time
    reach = window if causal else 2 * window  # from the start of a block: one block back, and one ahead
    if valid is None:
        valid = ops.ones_like(k[:, :, 0, 0], dtype="bool")

    def own(x: Any) -> Any:
        """`(batch, time, …)` → `(batch · blocks, window, …)`."""
        x = ops.pad(x, ((0, 0), (0, short), *[(0, 0)] * (len(x.shape) - 2)))
        return ops.reshape(x, (batch * blocks, window, *x.shape[2:]))

    def near(x: Any) -> Any:
        """`(batch, time, …)` → `(batch · blocks, window + reach, …)`."""
        rest = x.shape[2:]
        x = ops.pad(x, ((0, 0), (window, short + reach - window), *[(0, 0)] * len(rest)))
        shifted = [
            ops.reshape(x[:, start : start + blocks * window], (batch, blocks, window, *rest))
            for start in range(0, window + reach, window)
        ]
        return ops.reshape(ops.concatenate(shifted, axis=2), (batch * blocks, window + reach, *rest))

    q, k, v, valid = own(q), near(k), near(v), near(valid)
    mask = reachable(window, window + reach, window, causal, window) & valid[:, None, None, :]
    y = _attend(q, k, v, mask, _scores(bias, q, k, window))
    return ops.reshape(y, (batch, blocks * window, *y.shape[2:]))[:, :time]


def _scores(bias: Bias | None, q: Any, k: Any, before: Any) -> Any:
    """What is added to the scores, `(1, heads, queries, keys)`, or None."""
    added = None if bias is None else bias(ops.shape(q)[1], ops.shape(k)[1], before)
    return None if added is None else added[None]


def _all_queries(valid: Any, q: Any) -> Any:
    """`valid` for every query, `(batch, 1, queries, keys)`: the shape in which fused kernels take a mask."""
    if valid is None:
        return None
    return valid[:, None, None, :] & ops.ones((1, 1, ops.shape(q)[1], 1), dtype="bool")


def _attend(q: Any, k: Any, v: Any, mask: Any, bias: Any, is_causal: bool = False) -> Any:
    """`keras.ops.dot_product_attention`, which takes the fused kernel of the accelerator where there is one.

    cuDNN has one for half precision, a head size divisible by 8 and, with a mask or bias, lengths divisible by 2. Of
    these Keras does not look at the last, and on a TPU it forgets a bias and parts of a mask: there its kernel is
    declined.
    """
    if k.shape[2] == 1:  # which Keras on TensorFlow does not take
        k, v = ops.repeat(k, q.shape[2], axis=2), ops.repeat(v, q.shape[2], axis=2)
    fused = None
    if mask is not None or bias is not None:
        odd = any(x.shape[1] is not None and x.shape[1] % 2 for x in (q, k))
        fused = False if odd or "tpu" in _devices() else None
    dtype = q.dtype
    if keras.backend.standardize_dtype(dtype) == "float16" and _devices() == {"cpu"}:  # which JAX does not take there
        q, k, v = (ops.cast(x, "float32") for x in (q, k, v))
    y = ops.dot_product_attention(q, k, v, bias=bias, mask=mask, is_causal=is_causal, flash_attention=fused)
    return ops.cast(y, dtype)


@functools.cache
def _devices() -> frozenset[str]:
    """Kinds of devices that there are, such as `"cpu"` and `"gpu"`."""
    return frozenset(device.split(":")[0].lower() for device in keras.distribution.list_devices())
