"""The residual block of a temporal convolutional network."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.convolution import Conv1D, check_sizes
from keraseq.layers.streaming import State, Streaming, through
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "tcn_block",
    tags={"block", "convolutional", "causal"},
    reference="arXiv:1803.01271",
    cases=(
        {"filters": 5, "kernel_size": 2, "dilation_rate": 3},
        {"filters": 4, "kernel_size": 3, "dropout": 0.3, "weight_norm": False, "kernel_initializer": "glorot_normal"},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class TCNBlock(Streaming):
    """Two dilated causal convolutions around a residual connection.

        u = dropout(relu(conv(x))),   v = dropout(relu(conv(u))),   y = relu(v + x)

    where x passes a convolution of one tap if its features are not `filters` already.

    Args:
        filters: features of every convolution and of the output, at least 1.
        kernel_size: taps of a convolution, at least 1.
        dilation_rate: steps between taps, at least 1. A network doubles it from block to block.
        dropout: fraction of channels zeroed in training, each over the whole sequence, in [0, 1). 0 is off.
        weight_norm: learn length and direction of each filter apart; on by default.
        kernel_initializer: of the convolutions; He normal by default.

    Call shapes: `(batch, time, features)` → `(batch, time, filters)`. Receptive field:
    `1 + 2 · dilation_rate · (kernel_size - 1)` steps.

    Mask: padding is read as zero by both convolutions. Passed on.

    Step by step: the state is the last `dilation_rate · (kernel_size - 1)` inputs of each convolution.

    Raises:
        UsageError: a size below 1, or dropout outside [0, 1).

    Reference: Bai, Kolter, Koltun 2018, arXiv:1803.01271.

    Differs from the paper: weights start as He normal, not N(0, 0.01).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        dropout: float = 0.0,
        weight_norm: bool = True,
        kernel_initializer: Any = "he_normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_sizes(filters=filters, kernel_size=kernel_size, dilation_rate=dilation_rate)
        check(0 <= dropout < 1, f"dropout must be in [0, 1); got {dropout!r}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.dropout = dropout
        self.weight_norm = weight_norm
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        inner = (*input_shape[:-1], self.filters)
        self.first = self._convolution("first")
        self.second = self._convolution("second")
        self.first.build(input_shape)
        self.second.build(inner)
        self.first_dropout = keras.layers.SpatialDropout1D(self.dropout, name="first_dropout", dtype=self.dtype_policy)
        self.second_dropout = keras.layers.SpatialDropout1D(
            self.dropout, name="second_dropout", dtype=self.dtype_policy
        )
        self.residual = None
        if input_shape[-1] != self.filters:
            self.residual = Conv1D(self.filters, 1, name="residual", dtype=self.dtype_policy)
            self.residual.build(input_shape)

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return self.first.initial_state(batch_size), self.second.initial_state(batch_size)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        before_first, before_second = (None, None) if state is None else state
        u, after_first = through(self.first, x, before_first, mask, training)
        u = self.first_dropout(ops.relu(u), training=training)
        v, after_second = through(self.second, u, before_second, mask, training)
        v = self.second_dropout(ops.relu(v), training=training)
        residual = x if self.residual is None else self.residual(x, mask=mask)
        return ops.relu(v + residual), (after_first, after_second)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "dropout": self.dropout,
            "weight_norm": self.weight_norm,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def _convolution(self, name: str) -> Conv1D:
        return Conv1D(
            self.filters,
            self.kernel_size,
            dilation_rate=self.dilation_rate,
            weight_norm=self.weight_norm,
            kernel_initializer=self.kernel_initializer.clone(),
            name=name,
            dtype=self.dtype_policy,
        )
