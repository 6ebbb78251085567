"""The linear recurrent unit."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.directed import Directed
from keraseq.layers.streaming import State
from keraseq.ops import masks
from keraseq.ops.linear_recurrence import linear_recurrence
from keraseq.ops.parts import exp
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "lru",
    tags={"state_space", "causal"},
    reference="arXiv:2303.06349",
    cases=({"units": 5}, {"units": 3, "r_min": 0.5, "r_max": 0.9, "max_phase": 1.0, "reverse": True}),
)
@keras.saving.register_keras_serializable("keraseq")
class LRU(Directed):
    """Linear recurrent unit: a complex state, each part of which turns and fades at a pace of its own.

        h_t = λ * h_(t-1) + γ * (B x_t),   h_0 = 0
        y_t = Re(C h_t) + D * x_t
        λ = exp(-exp(ν) + i exp(θ))

    ν, θ, log γ, D and the complex B and C are learned. λ starts evenly in the ring `r_min ≤ |λ| ≤ r_max` with phases
    from 0 to `max_phase`, and γ as √(1 - |λ|²), which keeps the state at the size of the inputs.

    Args:
        units: size of the complex state, at least 1.
        r_min: least |λ| at the start, in [0, 1). Near 1 the state remembers for long.
        r_max: greatest |λ| at the start, in (r_min, 1).
        max_phase: greatest phase of λ at the start, radians, in (0, 2π]; 2π by default.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.

    Call shapes: `(batch, time, features)` → the same.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output is read from it. Passed on.

    Step by step: the state is h, as real and imaginary part, each float32, `(batch, units)`.

    Raises:
        UsageError: units below 1, or r_min, r_max or max_phase out of range.

    Reference: Orvieto et al. 2023, Resurrecting recurrent neural networks for long sequences, arXiv:2303.06349.

    Differs from the paper: r_max is 0.999 by default, not 1, where γ would be 0.
    """

    def __init__(
        self,
        units: int,
        r_min: float = 0.0,
        r_max: float = 0.999,
        max_phase: float = 2 * math.pi,
        reverse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(reverse, **kwargs)
        check(isinstance(units, int) and units >= 1, f"units must be a whole number of at least 1; got {units!r}")
        check(0 <= r_min < r_max < 1, f"r_min and r_max must be in 0 ≤ r_min < r_max < 1; got {r_min!r} and {r_max!r}")
        check(0 < max_phase <= 2 * math.pi, f"max_phase must be in (0, 2π]; got {max_phase!r}")
        self.units = units
        self.r_min = r_min
        self.r_max = r_max
        self.max_phase = max_phase

    def build(self, input_shape: Shape) -> None:
        features, units = input_shape[-1], self.units
        # λ is near 1, where half precision has no numbers: these three stay in full.
        self.nu = self.add_weight(name="nu", shape=(units,), initializer=self._initial_nu, autocast=False)
        self.theta = self.add_weight(name="theta", shape=(units,), initializer=self._initial_theta, autocast=False)
        self.log_gamma = self.add_weight(
            name="log_gamma", shape=(units,), initializer=self._initial_log_gamma, autocast=False
        )
        # Real and imaginary part of B x, then of C h, side by side; each has half the variance.
        inward = keras.initializers.VarianceScaling(0.5, "fan_in", "untruncated_normal")
        outward = keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")
        self.b = self.add_weight(name="b", shape=(features, 2 * units), initializer=inward)
        self.c = self.add_weight(name="c", shape=(2 * units, features), initializer=outward)
        self.d = self.add_weight(name="d", shape=(features,), initializer=keras.initializers.RandomNormal(stddev=1.0))

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return tuple(ops.zeros((batch_size, self.units), dtype="float32") for _ in range(2))

    def advance(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        x = masks.zero_padding(x, mask)
        driven = ops.cast(ops.matmul(x, self.b), "float32")  # (batch, time, 2 * units)
        b = tuple(part * ops.exp(self.log_gamma) for part in ops.split(driven, 2, axis=-1))
        a = tuple(part + ops.zeros_like(b[0]) for part in exp((-ops.exp(self.nu), ops.exp(self.theta))))
        h, last = linear_recurrence(a, b, state, mask)
        read = ops.cast(ops.concatenate([h[0], -h[1]], axis=-1), x.dtype)
        y = ops.matmul(read, self.c) + ops.cast(self.d, x.dtype) * x
        return y, last

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "r_min": self.r_min,
            "r_max": self.r_max,
            "max_phase": self.max_phase,
        }

    def _initial_nu(self, shape: Shape, dtype: Any = None) -> Any:
        """ν of a λ that is evenly spread over the ring."""
        squared = keras.initializers.RandomUniform(self.r_min**2, self.r_max**2)(shape, dtype)
        return ops.log(-0.5 * ops.log(ops.maximum(squared, 1e-8)))

    def _initial_theta(self, shape: Shape, dtype: Any = None) -> Any:
        return ops.log(ops.maximum(keras.initializers.RandomUniform(0, self.max_phase)(shape, dtype), 1e-6))

    def _initial_log_gamma(self, shape: Shape, dtype: Any = None) -> Any:
        """√(1 - |λ|²), as a logarithm."""
        return 0.5 * ops.log(-ops.expm1(-2 * ops.exp(ops.convert_to_tensor(self.nu))))
