"""The residual block of Mamba."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.depthwise import DepthwiseConv1D
from keraseq.layers.selective_ssm import SelectiveSSM
from keraseq.layers.streaming import State, Streaming, through
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "mamba_block",
    tags={"block", "state_space", "causal"},
    reference="arXiv:2312.00752",
    cases=({"state": 3}, {"state": 2, "expand": 1.5, "kernel_size": 2, "dropout": 0.2}),
)
@keras.saving.register_keras_serializable("keraseq")
class MambaBlock(Streaming):
    """A short convolution and a selective state space behind a gate, around a residual connection, normalised before.

        u, z = W_in norm(x)
        v = ssm(silu(conv(u)))
        y = x + dropout(W_out (v * silu(z)))

    Args:
        state: states of each feature of the state space, at least 1; 16 by default.
        expand: features of u, z and v as a multiple of those of the input, above 0; 2 by default.
        kernel_size: taps of the convolution, at least 1; 4 by default.
        dropout: fraction zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → the same.

    Mask: padding is read as zero by the convolution, where it keeps its place, and passed by by the state space, which
    carries its state on unchanged. Passed on.

    Step by step: the state is that of the convolution, the last `kernel_size - 1` steps of u, and that of the state
    space.

    Raises:
        UsageError: state or kernel_size below 1, expand not above 0, or dropout outside [0, 1).

    Reference: Gu and Dao 2023, Mamba, arXiv:2312.00752.

    Differs from the paper: dropout.
    """

    def __init__(self, state: int = 16, expand: float = 2.0, kernel_size: int = 4, dropout: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        check(expand > 0, f"expand must be above 0; got {expand!r}")
        check(0 <= dropout < 1, f"dropout must be in [0, 1); got {dropout!r}")
        self.state = state
        self.expand = expand
        self.kernel_size = kernel_size
        self.dropout = dropout
        policy = self.dtype_policy
        self.norm = keras.layers.RMSNormalization(epsilon=1e-5, name="norm", dtype=policy)
        self.norm.supports_masking = True  # it treats each step alone
        self.conv = DepthwiseConv1D(kernel_size, name="conv", dtype=policy)
        self.ssm = SelectiveSSM(state, name="ssm", dtype=policy)
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=policy)

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        assert features is not None
        inner = max(1, round(self.expand * features))
        self.widen = keras.layers.Dense(2 * inner, use_bias=False, name="widen", dtype=self.dtype_policy)
        self.narrow = keras.layers.Dense(features, use_bias=False, name="narrow", dtype=self.dtype_policy)
        for layer in (self.norm, self.widen):
            layer.build(input_shape)
        for layer in (self.conv, self.ssm, self.narrow):
            layer.build((*input_shape[:-1], inner))

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return self.conv.initial_state(batch_size), self.ssm.initial_state(batch_size)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        conv_state, ssm_state = (None, None) if state is None else state
        u, z = ops.split(self.widen(self.norm(x)), 2, axis=-1)
        u, conv_state = through(self.conv, u, conv_state, mask, training)
        v, ssm_state = through(self.ssm, ops.silu(u), ssm_state, mask, training)
        y = x + self.drop(self.narrow(v * ops.silu(z)), training=training)
        return y, (conv_state, ssm_state)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "state": self.state,
            "expand": self.expand,
            "kernel_size": self.kernel_size,
            "dropout": self.dropout,
        }
