"""The selective state space layer."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.directed import Directed
from keraseq.layers.streaming import State
from keraseq.ops import masks
from keraseq.ops.state_space import selective_state_space
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "selective_ssm",
    tags={"state_space", "causal"},
    reference="arXiv:2312.00752",
    cases=({"state": 3}, {"state": 2, "rank": 3, "dt_min": 0.01, "dt_max": 0.5, "reverse": True}),
)
@keras.saving.register_keras_serializable("keraseq")
class SelectiveSSM(Directed):
    """Selective state space: what is written, kept and read is set by each input, so that a step can be let go by.

        Δ_t = softplus(W_Δ W_r x_t + b_Δ),   B_t = W_B x_t,   C_t = W_C x_t
        h_t = exp(Δ_t A) * h_(t-1) + Δ_t B_t x_t,   h_0 = 0
        y_t = C_t h_t + D * x_t

    for each feature by itself, where Δ_t has one number for each feature, and B_t and C_t one for each state. A, below
    0, starts at -1, -2, …; the bias of Δ starts so that Δ is evenly spread between dt_min and dt_max on a logarithmic
    scale.

    Args:
        state: states of each feature, at least 1; 16 by default.
        rank: rank of `W_Δ W_r`, at least 1; by default the features of the input divided by 16, rounded up.
        dt_min: least Δ at the start, above 0.
        dt_max: greatest Δ at the start, above dt_min.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.

    Call shapes: `(batch, time, features)` → the same.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output is zero. Passed on.

    Step by step: the state is h, float32, `(batch, features, state)`.

    Raises:
        UsageError: state or rank below 1, or dt_min and dt_max out of range.

    Reference: Gu and Dao 2023, Mamba, arXiv:2312.00752.
    """

    def __init__(
        self,
        state: int = 16,
        rank: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        reverse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(reverse, **kwargs)
        check(isinstance(state, int) and state >= 1, f"state must be a whole number of at least 1; got {state!r}")
        check(
            rank is None or (isinstance(rank, int) and rank >= 1),
            f"rank must be a whole number of at least 1, or None to derive it from the input; got {rank!r}",
        )
        check(0 < dt_min < dt_max, f"dt_min and dt_max must be in 0 < dt_min < dt_max; got {dt_min!r} and {dt_max!r}")
        self.state = state
        self.rank = rank
        self.dt_min = dt_min
        self.dt_max = dt_max

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        assert features is not None
        rank = self.rank or -(-features // 16)
        self.select = self.add_weight(name="select", shape=(features, rank + 2 * self.state))
        spread = keras.initializers.RandomUniform(-(rank**-0.5), rank**-0.5)
        self.dt_kernel = self.add_weight(name="dt_kernel", shape=(rank, features), initializer=spread)
        self.dt_bias = self.add_weight(name="dt_bias", shape=(features,), initializer=self._initial_bias)
        self.log_a = self.add_weight(
            name="log_a",
            shape=(features, self.state),
            initializer=lambda shape, dtype=None: ops.log(1 + ops.arange(shape[1], dtype=dtype)) + ops.zeros(shape),
            autocast=False,
        )
        self.d = self.add_weight(name="d", shape=(features,), initializer="ones")

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return ops.zeros((batch_size, *self.log_a.shape), dtype="float32")

    def advance(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        x = masks.zero_padding(x, mask)
        rank = self.dt_kernel.shape[0]
        r, B, C = ops.split(ops.matmul(x, self.select), (rank, rank + self.state), axis=-1)
        dt = ops.softplus(ops.cast(ops.matmul(r, self.dt_kernel), "float32") + ops.cast(self.dt_bias, "float32"))
        dt = masks.zero_padding(dt, mask)  # (batch, time, features)
        wide, B, C = (ops.cast(part, "float32") for part in (x, B, C))
        y, last = selective_state_space(wide, dt, -ops.exp(self.log_a), B, C, state)
        return ops.cast(y + ops.cast(self.d, "float32") * wide, x.dtype), last

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "state": self.state,
            "rank": self.rank,
            "dt_min": self.dt_min,
            "dt_max": self.dt_max,
        }

    def _initial_bias(self, shape: Shape, dtype: Any = None) -> Any:
        """The inverse of softplus on Δ."""
        log_dt = keras.initializers.RandomUniform(math.log(self.dt_min), math.log(self.dt_max))(shape, dtype)
        dt = ops.exp(log_dt)
        return dt + ops.log(-ops.expm1(-dt))
