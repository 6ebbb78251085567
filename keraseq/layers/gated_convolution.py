"""Convolution along time through a gate."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.layers.convolution import Convolution, Shape, check_sizes
from keraseq.registry import layers


@layers.register(
    "gated_conv1d",
    tags={"convolutional", "causal"},
    reference="arXiv:1609.03499",
    cases=(
        {"filters": 5, "kernel_size": 2, "dilation_rate": 3},
        {"filters": 5, "kernel_size": 4, "causal": False, "kernel_initializer": "he_normal"},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class GatedConv1D(Convolution):
    """The gated activation of WaveNet: two convolutions along time, one squashed, one its gate.

        y = tanh(W_f * x + b_f) · σ(W_g * x + b_g)

    where each `*` is a dilated convolution as in `Conv1D`: causal, or centred. One array holds the weights of both, f
    before g along its last axis. Residual and skip connections are dense layers on what it gives: see the family
    `wavenet`.

    Args:
        filters: output features, at least 1.
        kernel_size: taps k, at least 1.
        dilation_rate: steps d between taps, at least 1.
        causal: whether no output depends on later steps; on by default.
        kernel_initializer: of W_f and W_g; Glorot uniform by default.

    Call shapes: `(batch, time, features)` → `(batch, time, filters)`; time may be shorter than the receptive field,
    `1 + d (k - 1)` steps.

    Mask: padding is read as zero, whatever stands there. It keeps its place, so inner padding still takes up time.
    Passed on.

    Step by step: the state is the last `reach` inputs, `(batch, d (k - 1), features)`.

    Raises:
        UsageError: filters, kernel_size or dilation_rate below 1.

    Reference: van den Oord et al. 2016, WaveNet, arXiv:1609.03499, eq. 2.

    Differs from the paper: biases.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        causal: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(kernel_size, dilation_rate, causal, **kwargs)
        check_sizes(filters=filters)
        self.filters = filters
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.features, 2 * self.filters),
            initializer=self.kernel_initializer,
        )
        self.bias = self.add_weight(name="bias", shape=(2 * self.filters,), initializer="zeros")

    def convolve(self, x: Any) -> Any:
        y = ops.conv(x, ops.convert_to_tensor(self.kernel), padding="valid", dilation_rate=self.dilation_rate)
        f, g = ops.split(y + ops.cast(self.bias, y.dtype), 2, axis=-1)
        return ops.tanh(f) * ops.sigmoid(g)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
