"""Convolution along time of each feature by itself.

Taps are summed as shifted products, with a gradient that does the same: XLA on a CPU takes many times as long for a
convolution of this kind, and TensorFlow for the gradients of as many slices.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def depthwise_conv(x: Any, kernel: Any, dilation_rate: int = 1) -> Any:
    """`y_t = Σ_j kernel_j * x_(t + d j)`, each feature by itself, without padding.

    Shapes: `x` `(batch, time + d (taps - 1), features)`, `kernel` `(taps, features)` → `(batch, time, features)`.
    """
    taps = kernel.shape[0]
    reach = dilation_rate * (taps - 1)

    @ops.custom_gradient
    def run(x: Any, kernel: Any) -> Any:
        def gradient(*args: Any, upstream: Any = None) -> tuple[Any, Any]:
            dy = args[0] if upstream is None else upstream
            dx = _sum_of_taps(ops.pad(dy, ((0, 0), (reach, reach), (0, 0))), ops.flip(kernel, axis=0), dilation_rate)
            x32, dy32 = ops.cast(x, "float32"), ops.cast(dy, "float32")
            dkernel = ops.stack([ops.sum(part * dy32, axis=(0, 1)) for part in _shifted(x32, taps, dilation_rate)])
            return dx, ops.cast(dkernel, kernel.dtype)

        return _sum_of_taps(x, kernel, dilation_rate), gradient

    return run(x, ops.convert_to_tensor(kernel))


def _sum_of_taps(x: Any, kernel: Any, dilation_rate: int) -> Any:
    first, *others = (part * kernel[j] for j, part in enumerate(_shifted(x, kernel.shape[0], dilation_rate)))
    return sum(others, first)


def _shifted(x: Any, taps: int, dilation_rate: int) -> list[Any]:
    """What each tap sees, `(batch, time, features)` each."""
    time = ops.shape(x)[1] - dilation_rate * (taps - 1)
    return [x[:, j * dilation_rate : j * dilation_rate + time] for j in range(taps)]
