"""The feed-forward network of a Transformer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.streaming import Pointwise
from keraseq.registry import layers

Shape = tuple[int | None, ...]

ACTIVATIONS = ("relu", "gelu", "swish", "swiglu")


@layers.register(
    "feed_forward",
    tags={"block", "causal"},
    reference="arXiv:1706.03762",
    cases=(
        {},
        {"multiple": 1.5, "activation": "relu"},
        {"activation": "swish"},
        {"activation": "swiglu", "dropout": 0.2},
    ),
)
@keras.saving.register_keras_serializable("keraseq")
class FeedForward(Pointwise):
    """Two dense layers, the same for each step.

        y = W_2 dropout(f(W_1 x))                          f = relu, gelu or swish
        y = W_2 dropout(swish(W_1 x) * W_3 x)              swiglu

    Args:
        multiple: features between the layers as a multiple of those of the input, above 0; 4 by default. With swiglu
            two thirds of it have as many weights.
        activation: `"relu"`, `"gelu"`, the default, `"swish"` or `"swiglu"`.
        dropout: fraction of the inner features zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → the same.

    Mask: not looked at. Passed on.

    Step by step: nothing is remembered.

    Raises:
        UsageError: multiple not above 0, unknown activation, or dropout outside [0, 1).

    Reference: Vaswani et al. 2017, arXiv:1706.03762; Shazeer 2020, arXiv:2002.05202 (swiglu).

    Differs from the paper: swiglu has biases.
    """

    def __init__(self, multiple: float = 4.0, activation: str = "gelu", dropout: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        check(multiple > 0, f"multiple must be above 0; got {multiple!r}")
        check(activation in ACTIVATIONS, f"activation must be one of {', '.join(ACTIVATIONS)}; got {activation!r}")
        check(0 <= dropout < 1, f"dropout must be in [0, 1); got {dropout!r}")
        self.multiple = multiple
        self.activation = activation
        self.dropout = dropout

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        assert features is not None
        inner = max(1, round(self.multiple * features))
        wide = 2 * inner if self.activation == "swiglu" else inner  # W_1 and W_3 side by side
        self.widen = keras.layers.Dense(wide, name="widen", dtype=self.dtype_policy)
        self.widen.build(input_shape)
        self.narrow = keras.layers.Dense(features, name="narrow", dtype=self.dtype_policy)
        self.narrow.build((*input_shape[:-1], inner))
        self.drop = keras.layers.Dropout(self.dropout, name="drop", dtype=self.dtype_policy)

    def transform(self, x: Any, training: bool) -> Any:
        return self.narrow(self.drop(self._activate(self.widen(x)), training=training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "multiple": self.multiple,
            "activation": self.activation,
            "dropout": self.dropout,
        }

    def _activate(self, x: Any) -> Any:
        if self.activation == "swiglu":
            gate, value = ops.split(x, 2, axis=-1)
            return ops.silu(gate) * value
        return {"relu": ops.relu, "gelu": ops.gelu, "swish": ops.silu}[self.activation](x)
