"""Convolution along time in two parts: along time, then across features."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.layers.convolution import Convolution, Shape, check_sizes
from keraseq.ops.depthwise import depthwise_conv
from keraseq.registry import layers


@layers.register(
    "separable_conv1d",
    tags={"convolutional", "causal"},
    reference="arXiv:1610.02357",
    cases=(
        {"filters": 5, "kernel_size": 3, "dilation_rate": 2},
        {
            "filters": 5,
            "kernel_size": 4,
            "causal": False,
            "depthwise_initializer": "he_normal",
            "pointwise_initializer": "he_normal",
        },
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class SeparableConv1D(Convolution):
    """Depthwise-separable convolution along time that keeps the length: causal, or centred.

        y_t = b + W Σ_j w_j * x_(t - d (k - 1 - j)),   j = 0 … k - 1       (causal)

    with steps before the first taken as zero; centred, the taps lie around t. A full convolution has
    `k · features · filters` weights, this one `k · features + features · filters`.

    Args:
        filters: output features, at least 1.
        kernel_size: taps k, at least 1.
        dilation_rate: steps d between taps, at least 1.
        causal: whether no output depends on later steps; on by default.
        depthwise_initializer: of w, `(k, features)`; LeCun uniform by default, whose variance is 1 / k.
        pointwise_initializer: of W, `(features, filters)`; Glorot uniform by default.

    Call shapes: `(batch, time, features)` → `(batch, time, filters)`; time may be shorter than the receptive field,
    `1 + d (k - 1)` steps.

    Mask: padding is read as zero, whatever stands there. It keeps its place, so inner padding still takes up time.
    Passed on.

    Step by step: the state is the last `reach` inputs, `(batch, d (k - 1), features)`.

    Raises:
        UsageError: filters, kernel_size or dilation_rate below 1.

    Reference: Chollet 2017, Xception, arXiv:1610.02357.

    Differs from the paper: along time alone.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        causal: bool = True,
        depthwise_initializer: Any = "lecun_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(kernel_size, dilation_rate, causal, **kwargs)
        check_sizes(filters=filters)
        self.filters = filters
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)
        self.pointwise_initializer = keras.initializers.get(pointwise_initializer)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel", shape=(self.kernel_size, self.features), initializer=self.depthwise_initializer
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel", shape=(self.features, self.filters), initializer=self.pointwise_initializer
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def convolve(self, x: Any) -> Any:
        z = depthwise_conv(x, ops.cast(self.depthwise_kernel, x.dtype), self.dilation_rate)
        y = ops.matmul(z, self.pointwise_kernel)
        return y + ops.cast(self.bias, y.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "depthwise_initializer": keras.initializers.serialize(self.depthwise_initializer),
            "pointwise_initializer": keras.initializers.serialize(self.pointwise_initializer),
        }
