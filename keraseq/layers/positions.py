"""Layers that tell steps apart by their place. Those for attention alone are in `relative_positions`.

Both count from the first step of a row as it is laid out: padding in front moves a row to later positions.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.layers.streaming import State, Streaming
from keraseq.registry import layers

Shape = tuple[int | None, ...]


class Positions(Streaming):
    """Adds a vector to each step that depends on its position alone. A subclass writes `vectors_at`."""

    def vectors_at(self, positions: Any, features: int) -> Any:
        """What is added to steps at `positions`, int32, `(time,)`: `(time, features)`."""
        raise NotImplementedError

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return ops.zeros((), dtype="int32")

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        before, time = 0 if state is None else state, ops.shape(x)[1]
        vectors = self.vectors_at(before + ops.arange(time, dtype="int32"), x.shape[-1])
        return x + ops.cast(vectors, x.dtype), before + time

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@layers.register(
    "sinusoidal_positions", tags={"positions", "causal"}, reference="arXiv:1706.03762", cases=({}, {"base": 100.0})
)
@keras.saving.register_keras_serializable("keraseq")
class SinusoidalPositions(Positions):
    """Adds waves of many lengths.

        y_t = x_t + [sin t θ_0, sin t θ_1, …, cos t θ_0, cos t θ_1, …],   θ_i = base^(-i / ⌈features / 2⌉)

    Args:
        base: the longest wavelength is `2π · base` steps, above 1; 10,000 by default.

    Call shapes: `(batch, time, features)` → the same.

    Mask: not looked at; positions count padding. Passed on.

    Step by step: the state is the number of steps so far, int32.

    Raises:
        UsageError: base not above 1.

    Reference: Vaswani et al. 2017, arXiv:1706.03762.

    Differs from the paper: all sines come first, then all cosines; positions count from 0.
    """

    def __init__(self, base: float = 10_000.0, **kwargs: Any):
        super().__init__(**kwargs)
        check(base > 1, f"base must be above 1; got {base!r}")
        self.base = base

    def vectors_at(self, positions: Any, features: int) -> Any:
        half = -(-features // 2)
        frequency = ops.exp(ops.arange(half, dtype="float32") * (-math.log(self.base) / half))
        angle = ops.cast(positions, "float32")[:, None] * frequency  # (time, half)
        return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)[:, :features]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "base": self.base}


@layers.register(
    "learned_positions", tags={"positions", "causal"}, reference="arXiv:1705.03122", cases=({"max_length": 12},)
)
@keras.saving.register_keras_serializable("keraseq")
class LearnedPositions(Positions):
    """Adds one learned vector for each position.

        y_t = x_t + p_t

    Args:
        max_length: positions that are learned, at least 1. No sequence may be longer.

    Call shapes: `(batch, time, features)` → the same, with time up to max_length.

    Mask: not looked at; positions count padding. Passed on.

    Step by step: the state is the number of steps so far, int32.

    Raises:
        UsageError: max_length below 1, or a sequence known to be longer. One whose length is not known before it runs
            fails in TensorFlow on a CPU, but not on a GPU, where it is compiled by XLA, or on JAX.

    Reference: Gehring et al. 2017, arXiv:1705.03122.
    """

    def __init__(self, max_length: int, **kwargs: Any):
        super().__init__(**kwargs)
        check(
            isinstance(max_length, int) and max_length >= 1,
            f"max_length must be a whole number of at least 1; got {max_length!r}",
        )
        self.max_length = max_length

    def build(self, input_shape: Shape) -> None:
        self._check_length(input_shape[1])
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.max_length, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self._check_length(max_length)
        return super().initial_state(batch_size, max_length)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        self._check_length(x.shape[1])
        return super().run(x, state, mask, training)

    def vectors_at(self, positions: Any, features: int) -> Any:
        return ops.take(ops.convert_to_tensor(self.vectors), positions, axis=0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "max_length": self.max_length}

    def _check_length(self, length: int | None) -> None:
        if length is not None and length > self.max_length:
            raise UsageError(
                f"sequences of {length} steps need max_length of at least {length}; got {self.max_length}. "
                "Raise max_length, cut the sequences, or use sinusoidal positions"
            )
