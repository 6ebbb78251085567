"""A leaky integrator: the simplest memory there is."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.registry import layers


@layers.register("leaky_integrator", tags={"recurrent", "causal"}, reference="Jaeger et al. 2007, Neural Networks 20")
@keras.saving.register_keras_serializable("keraseq_example")
class LeakyIntegrator(keras.Layer):
    """Every unit is a running mean of its input, with a learned rate of forgetting.

        h_t = a * h_(t-1) + (1 - a) * W x_t,   a = σ(r),   h_0 = 0

    Args:
        units: size of state and output, at least 1.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged. Passed on.

    Raises:
        UsageError: units below 1.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        check(units >= 1, f"units must be at least 1; got {units}")
        self.units = units
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))
        self.rate = self.add_weight(
            name="rate", shape=(self.units,), initializer=keras.initializers.RandomUniform(0.0, 4.0)
        )

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        a = ops.sigmoid(self.rate)
        u = (1 - a) * ops.matmul(x, self.kernel)  # (batch, time, units)
        a = ops.broadcast_to(a, ops.shape(u))
        if mask is not None:
            valid = ops.expand_dims(ops.cast(mask, "bool"), -1)
            a, u = ops.where(valid, a, ops.ones_like(a)), ops.where(valid, u, ops.zeros_like(u))
        # (a, u) then (b, v) is (a b, b u + v): associative, so all steps are computed in parallel.
        _, h = ops.associative_scan(lambda p, q: (p[0] * q[0], q[0] * p[1] + q[1]), (a, u), axis=1)
        return h

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
