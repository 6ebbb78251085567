"""Attention without queries times keys: a running, learned weighting of all steps so far."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.streaming import State, Streaming
from keraseq.registry import layers

CAP = 10.0


@layers.register("aft_simple", tags={"attention", "causal"}, reference="arXiv:2105.14103", cases=({"units": 5},))
@keras.saving.register_keras_serializable("keraseq_example")
class AFTSimple(Streaming):
    """Each step reads a weighted mean of the steps so far, feature by feature, through a gate.

        y_t = σ(q_t) * Σ_(s ≤ t) exp(k_s) * v_s / Σ_(s ≤ t) exp(k_s),   q, k, v = W x

    Args:
        units: features of the output, at least 1.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: padding, wherever it lies, has no weight. Passed on.

    Step by step: the state is both sums so far, float32, `(batch, units)` each.

    Raises:
        UsageError: units below 1.

    Reference: Zhai et al. 2021, An Attention Free Transformer, arXiv:2105.14103, eq. 3, made causal.

    Differs from the paper: k is kept within ±10 by a scaled tanh, so that sums of exponentials stay finite.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        check(units >= 1, f"units must be at least 1; got {units}")
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 3 * self.units))

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        zeros = ops.zeros((batch_size, self.units), dtype="float32")
        return zeros, zeros

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        q, k, v = ops.split(ops.cast(ops.matmul(x, self.kernel), "float32"), 3, axis=-1)  # (batch, time, units) each
        weight = ops.exp(CAP * ops.tanh(k / CAP))
        if mask is not None:
            valid = ops.expand_dims(ops.cast(mask, "bool"), -1)
            weight = ops.where(valid, weight, ops.zeros_like(weight))
            v = ops.where(valid, v, ops.zeros_like(v))
        above, below = ops.cumsum(weight * v, axis=1), ops.cumsum(weight, axis=1)
        if state is not None:
            above_before, below_before = (ops.expand_dims(sums, 1) for sums in state)
            above, below = above + above_before, below + below_before
        y = ops.sigmoid(q) * above / ops.maximum(below, 1e-6)
        after = (above[:, -1], below[:, -1])
        return ops.cast(y, self.compute_dtype), after

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
