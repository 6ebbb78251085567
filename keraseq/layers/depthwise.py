"""Convolution along time of each feature by itself."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.layers.convolution import Convolution, Shape
from keraseq.ops.depthwise import depthwise_conv
from keraseq.registry import layers


@layers.register(
    "depthwise_conv1d",
    tags={"convolutional", "causal"},
    reference="arXiv:1610.02357",
    cases=(
        {"kernel_size": 4},
        {"kernel_size": 3, "dilation_rate": 2, "bias": False},
        {"kernel_size": 4, "causal": False, "kernel_initializer": "glorot_normal"},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class DepthwiseConv1D(Convolution):
    """Dilated convolution along time of each feature by itself, that keeps the length: causal, or centred.

        y_t = b + Σ_j w_j * x_(t - d (k - 1 - j)),   j = 0 … k - 1       (causal)

    with steps before the first taken as zero; centred, the taps lie around t.

    Args:
        kernel_size: taps k, at least 1.
        dilation_rate: steps d between taps, at least 1.
        causal: whether no output depends on later steps; on by default.
        bias: whether b is added; on by default.
        kernel_initializer: of w, `(k, features)`; LeCun uniform by default, whose variance is 1 / k.

    Call shapes: `(batch, time, features)` → the same; time may be shorter than the receptive field,
    `1 + d (k - 1)` steps.

    Mask: padding is read as zero, whatever stands there. It keeps its place, so inner padding still takes up time.
    Passed on.

    Step by step: the state is the last `reach` inputs, `(batch, d (k - 1), features)`.

    Raises:
        UsageError: kernel_size or dilation_rate below 1.

    Reference: Chollet 2017, Xception, arXiv:1610.02357.

    Differs from the paper: along time alone.
    """

    def __init__(
        self,
        kernel_size: int,
        dilation_rate: int = 1,
        causal: bool = True,
        bias: bool = True,
        kernel_initializer: Any = "lecun_uniform",
        **kwargs: Any,
    ):
        super().__init__(kernel_size, dilation_rate, causal, **kwargs)
        self.bias = bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.kernel = self.add_weight(
            name="kernel", shape=(self.kernel_size, self.features), initializer=self.kernel_initializer
        )
        if self.bias:
            self.offset = self.add_weight(name="bias", shape=(self.features,), initializer="zeros")

    def convolve(self, x: Any) -> Any:
        y = depthwise_conv(x, ops.cast(self.kernel, x.dtype), self.dilation_rate)
        return y + ops.cast(self.offset, y.dtype) if self.bias else y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "bias": self.bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
