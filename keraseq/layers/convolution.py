"""Convolution along time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.streaming import State, Streaming
from keraseq.ops import masks, shift
from keraseq.registry import layers

Shape = tuple[int | None, ...]


class Convolution(Streaming):
    """What convolutions along time share: the inputs that a step sees, and the padding or the state that gives them.

    A subclass writes `convolve`, `build` and `compute_output_shape`.

    Args:
        kernel_size: taps k, at least 1.
        dilation_rate: steps d between taps, at least 1.
        causal: whether no output depends on later steps; on by default.
    """

    features: int | None

    def __init__(self, kernel_size: int, dilation_rate: int = 1, causal: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        check_sizes(kernel_size=kernel_size, dilation_rate=dilation_rate)
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.causal = causal

    @property
    def reach(self) -> int:
        """Steps between the first tap and the last."""
        return self.dilation_rate * (self.kernel_size - 1)

    @abstractmethod
    def convolve(self, x: Any) -> Any:
        """`(batch, time + reach, features)` → `(batch, time, …)`, without padding."""

    def build(self, input_shape: Shape) -> None:
        self.features = input_shape[-1]

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return ops.zeros((batch_size, self.reach, self.features), dtype=self.compute_dtype)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        x = masks.zero_padding(x, mask)
        before = self.reach if self.causal else self.reach // 2
        x = shift.pad_time(x, before, self.reach - before) if state is None else ops.concatenate([state, x], axis=1)
        return self.convolve(x), shift.latest(x, self.reach)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "causal": self.causal,
        }


@layers.register(
    "conv1d",
    tags={"convolutional", "causal"},
    reference="arXiv:1609.03499",
    cases=(
        {"filters": 5, "kernel_size": 3, "dilation_rate": 2},
        {"filters": 5, "kernel_size": 2, "dilation_rate": 3, "weight_norm": True},
        {"filters": 5, "kernel_size": 4, "causal": False, "kernel_initializer": "he_normal"},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class Conv1D(Convolution):
    """Dilated convolution along time that keeps the length: causal, or centred.

        y_t = b + Σ_j w_j x_(t - d (k - 1 - j)),   j = 0 … k - 1       (causal)

    with steps before the first taken as zero; centred, the taps lie around t. With weight normalisation each filter
    is `w = g v / ||v||`, where g starts at `||v||`.

    Args:
        filters: output features, at least 1.
        kernel_size: taps k, at least 1.
        dilation_rate: steps d between taps, at least 1.
        causal: whether no output depends on later steps; on by default.
        weight_norm: learn length g and direction v of each filter apart; off by default.
        kernel_initializer: of w, or v; Glorot uniform by default.

    Call shapes: `(batch, time, features)` → `(batch, time, filters)`; time may be shorter than the receptive field,
    `1 + d (k - 1)` steps.

    Mask: padding is read as zero, whatever stands there. It keeps its place, so inner padding still takes up time.
    Passed on.

    Step by step: the state is the last `reach` inputs, `(batch, d (k - 1), features)`.

    Raises:
        UsageError: filters, kernel_size or dilation_rate below 1.

    Reference: van den Oord et al. 2016, arXiv:1609.03499; Salimans and Kingma 2016, arXiv:1602.07868.

    Differs from the paper: g starts at `||v||`, not from the statistics of a first batch.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        causal: bool = True,
        weight_norm: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(kernel_size, dilation_rate, causal, **kwargs)
        check_sizes(filters=filters)
        self.filters = filters
        self.weight_norm = weight_norm
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
        )
        if self.weight_norm:
            self.gain = self.add_weight(
                name="gain",
                shape=(self.filters,),
                initializer=lambda shape, dtype=None: _length(ops.convert_to_tensor(self.kernel)),
            )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def convolve(self, x: Any) -> Any:
        y = ops.conv(x, self._weights(), padding="valid", dilation_rate=self.dilation_rate)
        return y + ops.cast(self.bias, y.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "weight_norm": self.weight_norm,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def _weights(self) -> Any:
        v = ops.convert_to_tensor(self.kernel)  # (taps, features, filters)
        return v * (self.gain / _length(v)) if self.weight_norm else v


def check_sizes(**sizes: Any) -> None:
    """Raises UsageError unless each is a whole number of at least 1."""
    for name, value in sizes.items():
        check(isinstance(value, int) and value >= 1, f"{name} must be a whole number of at least 1; got {value!r}")


def _length(v: Any) -> Any:
    """Euclidean length of each filter, `(filters,)`; never below 1e-6, so that a zero filter has a gradient."""
    squares = ops.sum(ops.square(ops.cast(v, "float32")), axis=(0, 1))
    return ops.cast(ops.sqrt(ops.maximum(squares, 1e-12)), v.dtype)
