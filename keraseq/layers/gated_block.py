"""The residual block of deep state-space networks."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.bidirectional import Bidirectional
from keraseq.layers.lru import LRU
from keraseq.layers.s4d import S4D
from keraseq.layers.streaming import State, Streaming, through
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "gated_block",
    tags={"block", "causal"},
    reference="arXiv:2111.00396",
    cases=(lambda: {"layer": S4D(3)}, lambda: {"layer": LRU(3), "bidirectional": True, "dropout": 0.2}),
)
@keras.saving.register_keras_serializable("keraseq")
class GatedBlock(Streaming):
    """A layer that mixes steps, then a gate that mixes features, around a residual connection, normalised before.

        u = dropout(gelu(layer(norm(x))))
        y = x + dropout((W u + b) * σ(V u + c))

    Args:
        layer: a layer of keraseq that has a direction, such as `S4D()`.
        bidirectional: whether a copy of the layer runs from the end to the start beside it; off by default.
        dropout: fraction zeroed in training, in [0, 1). 0 is off.

    Call shapes: `(batch, time, features)` → the same.

    Mask: handed to the layer, which alone looks at other steps. Passed on.

    Step by step: the state is that of the layer.

    Raises:
        UsageError: `layer` has no direction, or dropout is outside [0, 1).

    Reference: the block of Gu et al. 2021, arXiv:2111.00396, with the gated linear unit of Dauphin et al. 2016,
    arXiv:1612.08083.
    """

    def __init__(self, layer: Streaming, bidirectional: bool = False, dropout: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        check(
            isinstance(layer, Streaming) and hasattr(layer, "reverse"),
            f"layer must be one of keraseq that has a direction, such as S4D(); got {layer!r}",
        )
        check(0 <= dropout < 1, f"dropout must be in [0, 1); got {dropout!r}")
        self.bidirectional = bidirectional
        self.mix = Bidirectional(layer, name="mix", dtype=self.dtype_policy) if bidirectional else layer
        self.causal = self.mix.causal
        self.dropout = dropout
        policy = self.dtype_policy
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=policy)
        self.inner_drop = keras.layers.Dropout(dropout, name="inner_drop", dtype=policy)
        self.outer_drop = keras.layers.Dropout(dropout, name="outer_drop", dtype=policy)

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        assert features is not None
        self.norm.build(input_shape)
        if not self.mix.built:  # a layer from a saved model comes built
            self.mix.build(input_shape)
        self.widen = keras.layers.Dense(2 * features, name="widen", dtype=self.dtype_policy)
        self.widen.build(self.mix.compute_output_shape(input_shape))

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return self.mix.initial_state(batch_size, max_length)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        u, state = through(self.mix, self.norm(x), state, mask, training)
        u = self.inner_drop(ops.gelu(u), training=training)
        value, gate = ops.split(self.widen(u), 2, axis=-1)
        return x + self.outer_drop(value * ops.sigmoid(gate), training=training), state

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "layer": keras.saving.serialize_keras_object(self.mix.forward if self.bidirectional else self.mix),
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> GatedBlock:
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})
