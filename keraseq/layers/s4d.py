"""The diagonal state space layer."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.directed import Directed
from keraseq.layers.streaming import State
from keraseq.ops import masks
from keraseq.ops.parts import Parts, divide, expm1
from keraseq.ops.state_space import diagonal_state_space
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "s4d",
    tags={"state_space", "causal"},
    reference="arXiv:2206.11893",
    cases=({"state": 3}, {"state": 2, "kind": "inverse", "dt_min": 0.01, "dt_max": 0.5, "reverse": True}),
)
@keras.saving.register_keras_serializable("keraseq")
class S4D(Directed):
    """Diagonal state space: each feature drives complex states of its own, which turn and fade, and is read from them.

        h_t = exp(Δ A) * h_(t-1) + (exp(Δ A) - 1) / A * x_t,   h_0 = 0
        y_t = 2 Re(Σ_n C_n h_t,n) + D x_t

    for each feature by itself. Its step size Δ, the complex A and C, and D are learned; A keeps a real part below 0.

    Args:
        state: complex states of each feature, at least 1, each standing for a conjugate pair of them; 32 by default.
        kind: how A starts: `"linear"`, `A_n = -1/2 + i π n` (S4D-Lin), or `"inverse"`,
            `A_n = -1/2 + i N/π (N / (2 n + 1) - 1)` with N = 2 · state (S4D-Inv).
        dt_min: least Δ at the start, above 0; a sequence of 1 / Δ steps is remembered.
        dt_max: greatest Δ at the start, above dt_min. Δ starts evenly spread on a logarithmic scale.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.

    Call shapes: `(batch, time, features)` → the same.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output is zero. Passed on.

    Step by step: the state is h, as real and imaginary part, each float32, `(batch, features, state)`.

    Raises:
        UsageError: state below 1, unknown kind, or dt_min and dt_max out of range.

    Reference: Gu et al. 2022, On the parameterization and initialization of diagonal state space models,
    arXiv:2206.11893.

    Differs from the paper: convolutions reach over 64 steps, and a parallel scan hands the state on between them, where
    the paper has one convolution over the whole sequence.
    """

    def __init__(
        self,
        state: int = 32,
        kind: str = "linear",
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        reverse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(reverse, **kwargs)
        check(isinstance(state, int) and state >= 1, f"state must be a whole number of at least 1; got {state!r}")
        check(kind in ("linear", "inverse"), f"kind must be 'linear' or 'inverse'; got {kind!r}")
        check(0 < dt_min < dt_max, f"dt_min and dt_max must be in 0 < dt_min < dt_max; got {dt_min!r} and {dt_max!r}")
        self.state = state
        self.kind = kind
        self.dt_min = dt_min
        self.dt_max = dt_max

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        shape = (features, self.state)
        # exp(Δ A) is near 1, where half precision has no numbers: these stay in full.
        self.log_dt = self.add_weight(name="log_dt", shape=(features,), initializer=self._initial_dt, autocast=False)
        self.log_fade = self.add_weight(
            name="log_fade", shape=shape, initializer=keras.initializers.Constant(math.log(0.5)), autocast=False
        )
        self.turn = self.add_weight(name="turn", shape=shape, initializer=self._initial_turn, autocast=False)
        half = keras.initializers.RandomNormal(stddev=math.sqrt(0.5))
        self.c = self.add_weight(name="c", shape=(2, *shape), initializer=half, autocast=False)
        self.d = self.add_weight(name="d", shape=(features,), initializer=keras.initializers.RandomNormal(stddev=1.0))

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        shape = (batch_size, *self.turn.shape)
        return tuple(ops.zeros(shape, dtype="float32") for _ in range(2))

    def advance(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        x = masks.zero_padding(x, mask)
        log_decay, b = self._discrete()
        c = tuple(2 * part for part in ops.unstack(ops.convert_to_tensor(self.c), axis=0))
        y, last = diagonal_state_space(ops.cast(x, "float32"), log_decay, b, c, state, mask)
        return ops.cast(y, x.dtype) + ops.cast(self.d, x.dtype) * x, last

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "state": self.state,
            "kind": self.kind,
            "dt_min": self.dt_min,
            "dt_max": self.dt_max,
        }

    def _discrete(self) -> tuple[Parts, Parts]:
        """`Δ A` and `(exp(Δ A) - 1) / A`: inputs are held for a step of length Δ. Each `(features, state)`."""
        dt = ops.exp(self.log_dt)[:, None]
        A = (-ops.exp(self.log_fade), ops.convert_to_tensor(self.turn))
        log_decay = (dt * A[0], dt * A[1])
        return log_decay, divide(expm1(log_decay), A)

    def _initial_dt(self, shape: Shape, dtype: Any = None) -> Any:
        return keras.initializers.RandomUniform(math.log(self.dt_min), math.log(self.dt_max))(shape, dtype)

    def _initial_turn(self, shape: Shape, dtype: Any = None) -> Any:
        n = ops.arange(self.state, dtype=dtype)
        size = 2 * self.state
        turn = math.pi * n if self.kind == "linear" else size / math.pi * (size / (2 * n + 1) - 1)
        return turn + ops.zeros(shape, dtype)
