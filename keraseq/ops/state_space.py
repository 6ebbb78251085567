"""State spaces: linear recurrences of many states for each feature, without all states of all steps in memory."""

from __future__ import annotations

from typing import Any

from keras import ops

from keraseq.ops import masks
from keraseq.ops.by_chunks import by_chunks
from keraseq.ops.linear_recurrence import linear_recurrence
from keraseq.ops.parts import Parts, conjugate, exp, multiply

CONVOLVED = 64
"""Steps of a chunk that `diagonal_state_space` takes as one convolution."""

HELD = 64
"""Steps of which `selective_state_space` holds all states at once."""


def selective_state_space(x: Any, dt: Any, A: Any, B: Any, C: Any, h0: Any = None) -> tuple[Any, Any]:
    """A state space that each step sets anew, by parallel scans of one chunk after another.

        h_t = exp(dt_t A) * h_(t-1) + dt_t B_t x_t,   y_t = C_t h_t

    Args:
        x, dt: `(batch, time, features)`, float32. Where dt is 0 the state is carried on unchanged.
        A: `(features, state)`, below 0.
        B, C: `(batch, time, state)`.
        h0: state before the first step, `(batch, features, state)`; None is zero.

    Returns:
        Outputs, `(batch, time, features)`, and the last state. The backward pass finds the states of each chunk again.
    """

    def chunk(h: Any, inputs: Parts, weights: Parts) -> tuple[Any, Any]:
        (x, dt, B, C), (A,) = inputs, weights
        a = ops.exp(dt[..., None] * A)  # (batch, length, features, state)
        hs, last = linear_recurrence(a, (dt * x)[..., None] * B[:, :, None, :], h)
        return ops.sum(hs * C[:, :, None, :], axis=-1), last

    h0 = ops.zeros_like(x[:, 0, :, None] * A) if h0 is None else h0
    return by_chunks(chunk, h0, (x, dt, B, C), (A,), HELD)


def diagonal_state_space(
    x: Any, log_decay: Parts, b: Parts, c: Parts, h0: Parts | None = None, mask: Any = None
) -> tuple[Any, Parts | None]:
    """A state space that is the same at all steps, by a parallel scan over chunks and a convolution within each.

        h_t = λ * h_(t-1) + B x_t,   y_t = Re(C h_t) = Re(C λ^(t+1) h) + Σ_(s ≤ t) Re(C λ^(t-s) B) x_s

    where h is the state at the start of a chunk, and t and s count its valid steps from 0.

    Args:
        x: `(batch, time, features)`, float32, finite at padding too.
        log_decay: log λ, a pair of real and imaginary part, each `(features, state)`.
        b, c: B and C, pairs likewise.
        h0: state before the first step, a pair of `(batch, features, state)`. None is zero, and no last state is found.
        mask: bool, `(batch, time)`, True at valid steps, or None. At the others the state is carried on unchanged and
            the output is zero.

    Returns:
        Outputs, `(batch, time, features)`, and the last state, like `h0`, or None.
    """
    batch, time, features = ops.shape(x)
    if x.shape[1] == 1 and h0 is not None:
        return _one_step(x, log_decay, b, c, h0, mask)
    length = min(time, CONVOLVED) if isinstance(time, int) else CONVOLVED
    chunks = -(-time // length)
    if mask is None and h0 is not None:
        mask = ops.ones((batch, time), dtype="bool")  # tells the last chunk where it ends
    rows = batch * chunks
    x = ops.reshape(_fill(x, chunks * length), (rows, length, features))
    early = late = x
    if mask is not None:
        early_place, late_place, count = _places(ops.reshape(_fill(mask, chunks * length), (rows, length)))
        early, late = (ops.matmul(ops.transpose(place, (0, 2, 1)), x) for place in (early_place, late_place))

    powers = _powers(log_decay, length + 1)  # λ^0 … λ^length, (length + 1, features, state)
    response = ops.sum(multiply(multiply(c, b), _steps(powers, slice(0, -1)))[0], axis=-1)  # (length, features)
    y = ops.matmul(_toeplitz(response), _by_feature(early))  # (features, length, rows)
    last = None
    if h0 is not None or not isinstance(chunks, int) or chunks > 1:
        write = multiply(b, _steps(powers, slice(-2, None, -1)))
        driven = ops.matmul(ops.transpose(_joined(write), (1, 2, 0)), _by_feature(late))  # (features, 2 * state, rows)
        driven = _split(ops.transpose(driven, (2, 0, 1)), batch, chunks)  # (batch, chunks, features, state)
        if mask is None:
            decay = tuple(part[-1] + ops.zeros_like(driven[0]) for part in powers)
        else:
            count = ops.reshape(count, (batch, chunks, 1, 1))
            decay = exp((count * log_decay[0], count * log_decay[1]))
        h, after = linear_recurrence(decay, driven, h0)
        last = None if h0 is None else after
        zero = tuple(ops.zeros_like(part[:, 0]) for part in h)
        start = tuple(
            ops.concatenate([first[:, None], part[:, :-1]], axis=1) for first, part in zip(h0 or zero, h, strict=True)
        )
        read = conjugate(multiply(c, _steps(powers, slice(1, None))))  # Re(r h) = r.real h.real - r.imag h.imag
        entered = ops.reshape(ops.concatenate(start, axis=-1), (rows, features, -1))
        y = y + ops.matmul(ops.transpose(_joined(read), (1, 0, 2)), ops.transpose(entered, (1, 2, 0)))
    y = ops.transpose(y, (2, 1, 0))  # (rows, length, features)
    y = y if mask is None else ops.matmul(early_place, y)
    return ops.reshape(y, (batch, chunks * length, features))[:, :time], last


def _one_step(x: Any, log_decay: Parts, b: Parts, c: Parts, h0: Parts, mask: Any) -> tuple[Any, Parts]:
    """The equations as they stand, for a sequence of one step."""
    driven = tuple(part * x[..., None] for part in b)  # (batch, 1, features, state)
    decay = tuple(part + ops.zeros_like(driven[0]) for part in exp(log_decay))
    h, last = linear_recurrence(decay, driven, h0, mask)
    return masks.zero_padding(ops.sum(multiply(c, h)[0], axis=-1), mask), last


def _fill(x: Any, time: Any) -> Any:
    """`x` with zeros after its last step, up to `time` steps."""
    after = time - ops.shape(x)[1]
    return ops.pad(x, ((0, 0), (0, after), *((0, 0) for _ in x.shape[2:])))


def _places(mask: Any) -> tuple[Any, Any, Any]:
    """Where the valid steps of each row go, once padding is cut out, and how many there are.

    Two one-hot matrices, `(rows, length, length)`, from each step to its place if the valid steps come first, and if
    they come last; and their number, `(rows, 1)`.
    """
    valid = ops.cast(mask, "int32")
    places = ops.arange(mask.shape[1] or ops.shape(mask)[1], dtype="int32")
    place = ops.cumsum(valid, axis=1) - 1  # (rows, length)
    count = place[:, -1:] + 1
    free = ops.shape(mask)[1] - count
    early, late = (
        ops.cast(ops.logical_and(where[:, :, None] == places, valid[:, :, None] > 0), "float32")
        for where in (place, place + free)
    )
    return early, late, ops.cast(count, "float32")


def _powers(log_decay: Parts, steps: Any) -> Parts:
    """λ^0, λ^1, …: `(steps, features, state)`."""
    t = ops.cast(ops.arange(steps), log_decay[0].dtype)[:, None, None]
    return exp((t * log_decay[0], t * log_decay[1]))


def _toeplitz(response: Any) -> Any:
    """`(length, features)` → matrices with `response[t - s]` at row t, column s ≤ t: `(features, length, length)`."""
    t = ops.arange(ops.shape(response)[0])
    apart = t[:, None] - t[None, :]
    lower = ops.where(apart >= 0, apart, ops.shape(response)[0])
    response = ops.concatenate([response, ops.zeros_like(response[:1])])
    return ops.transpose(ops.take(response, lower, axis=0), (2, 0, 1))


def _steps(x: Parts, steps: slice) -> Parts:
    return tuple(part[steps] for part in x)


def _by_feature(x: Any) -> Any:
    """`(rows, length, features)` → `(features, length, rows)`."""
    return ops.transpose(x, (2, 1, 0))


def _joined(x: Parts) -> Any:
    return ops.concatenate(x, axis=-1)


def _split(x: Any, batch: Any, chunks: Any) -> Parts:
    """`(rows, features, 2 * state)` → a pair of `(batch, chunks, features, state)`."""
    return tuple(ops.split(ops.reshape(x, (batch, chunks, *x.shape[1:])), 2, axis=-1))
