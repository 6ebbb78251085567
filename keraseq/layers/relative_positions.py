"""How attention tells steps apart by their distance: rotated queries and keys, or a bias on the scores.

Attention takes such a layer as its `positions`: it calls `turn` on queries and keys, and `bias` for its scores.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.streaming import State, Streaming
from keraseq.ops.attention import distances
from keraseq.ops.rotary import rotary
from keraseq.registry import layers

Shape = tuple[int | None, ...]

NAMES = ("rotary", "relative_bias", "alibi")


class RelativePositions(Streaming):
    """What attention asks of its positions. A subclass writes `turn`, or `bias`; the state is the steps so far."""

    def turn(self, x: Any, before: Any) -> Any:
        """Queries or keys, `(batch, time, heads, size)`, of which the first has `before` steps in front of it."""
        return x

    def bias(self, queries: Any, keys: Any, before: Any) -> Any:
        """What is added to the scores, `(heads, queries, keys)`, or None. Query i is at key `before + i`."""
        return None

    def build_for(self, heads: int, size: int) -> None:
        """Makes weights, where there are any, for attention with so many heads of this size."""
        self.build((None, None, heads, size))

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return ops.zeros((), dtype="int32")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@layers.register("rotary", tags={"positions", "causal"}, reference="arXiv:2104.09864", cases=({}, {"base": 50.0}))
@keras.saving.register_keras_serializable("keraseq")
class Rotary(RelativePositions):
    """Turns pairs of features by an angle that grows with the position, so that products know only distances.

        y_t = R(t) x_t,   R(t) = blocks of [[cos tθ_i, -sin tθ_i], [sin tθ_i, cos tθ_i]],   θ_i = base^(-2i / features)

    Args:
        base: the longest wavelength is `2π · base` steps, above 1; 10,000 by default.

    Call shapes: `(batch, time, features)` or `(batch, time, heads, features)` → the same, features even.

    Mask: not looked at; positions count padding. Passed on.

    Step by step: the state is the number of steps so far, int32.

    Raises:
        UsageError: base not above 1, or an odd number of features.

    Reference: Su et al. 2021, arXiv:2104.09864.

    Differs from the paper: feature i is paired with feature i + features / 2, not with its neighbour.
    """

    def __init__(self, base: float = 10_000.0, **kwargs: Any):
        super().__init__(**kwargs)
        check(base > 1, f"base must be above 1; got {base!r}")
        self.base = base

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        check(features is not None and features % 2 == 0, f"features must be even to be turned; got {features}")

    def turn(self, x: Any, before: Any) -> Any:
        return rotary(x, before, self.base)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        before = 0 if state is None else state
        return self.turn(x, before), before + ops.shape(x)[1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "base": self.base}


class ScoreBias(RelativePositions):
    """Positions that add to scores: as a layer, it is called on them.

    Args:
        heads: of the attention, at least 1.
    """

    def __init__(self, heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        check(isinstance(heads, int) and heads >= 1, f"heads must be a whole number of at least 1; got {heads!r}")
        self.heads = heads

    def build(self, input_shape: Shape) -> None:
        given = input_shape[1] if len(input_shape) == 4 else 1
        check(
            given == self.heads,
            f"scores must be (batch, heads, queries, keys) with {self.heads} heads, or (batch, queries, keys) with "
            f"one; got {tuple(input_shape)}",
        )

    def build_for(self, heads: int, size: int) -> None:
        self.build((None, heads, None, None))

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        before = 0 if state is None else state
        queries, keys = ops.shape(x)[-2:]
        added = ops.cast(self.bias(queries, keys, before), x.dtype)
        return x + (added[None] if len(x.shape) == 4 else added), before + queries

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


@layers.register(
    "relative_bias",
    tags={"positions", "causal"},
    reference="arXiv:1910.10683",
    cases=({"heads": 1}, {"heads": 1, "buckets": 4, "max_distance": 3}, {"heads": 1, "bidirectional": False}),
)
@keras.saving.register_keras_serializable("keraseq")
class RelativeBias(ScoreBias):
    """Adds a learned number to the score of a query and a key, by head and by distance; far distances share it.

        y_ij = x_ij + b[bucket(i - j)]

    Half of the buckets of a direction hold one distance each, the others ever wider ranges, on a logarithmic scale up
    to `max_distance`; all longer distances fall into the last one.

    Args:
        heads: of the attention, at least 1.
        buckets: learned numbers of each head, at least 4 and even; 32 by default.
        max_distance: steps from which all distances are alike, above a quarter of the buckets, or above half of them
            where not bidirectional; 128 by default.
        bidirectional: whether keys ahead of a query have buckets of their own, half of all; on by default. Else they
            count as at distance 0, which is for causal attention.

    Call shapes: scores `(batch, heads, queries, keys)`, or `(batch, queries, keys)` with one head → the same.

    Mask: not looked at. Passed on.

    Step by step: the state is the number of queries so far, int32; keys are all there from the start.

    Raises:
        UsageError: a size refused, or scores of another number of heads.

    Reference: Raffel et al. 2020, T5, arXiv:1910.10683.

    Differs from the paper: each attention layer has its own, unless one is passed to several.
    """

    def __init__(
        self, heads: int, buckets: int = 32, max_distance: int = 128, bidirectional: bool = True, **kwargs: Any
    ):
        super().__init__(heads, **kwargs)
        check(
            isinstance(buckets, int) and buckets >= 4 and buckets % 2 == 0,
            f"buckets must be an even number of at least 4; got {buckets!r}",
        )
        single = buckets // (4 if bidirectional else 2)
        check(
            isinstance(max_distance, int) and max_distance > single,
            f"max_distance must be a whole number above {single}, the distances with a bucket each; "
            f"got {max_distance!r}",
        )
        self.buckets = buckets
        self.max_distance = max_distance
        self.bidirectional = bidirectional

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.weight = self.add_weight(
            name="weight", shape=(self.buckets, self.heads), initializer=keras.initializers.RandomNormal(stddev=0.02)
        )

    def bucket(self, distance: int) -> int:
        """Where the number for keys that lie `distance` steps behind their query stands; ahead is below 0."""
        count = self.buckets // 2 if self.bidirectional else self.buckets
        first = count if self.bidirectional and distance < 0 else 0
        steps = abs(distance) if self.bidirectional else max(distance, 0)
        single = count // 2
        if steps < single:
            return first + steps
        share = math.log(steps / single) / math.log(self.max_distance / single)
        return first + min(count - 1, single + math.floor(share * (count - single) + 1e-9))

    def bias(self, queries: Any, keys: Any, before: Any) -> Any:
        furthest = self.max_distance
        buckets = ops.convert_to_tensor([self.bucket(d) for d in range(-furthest, furthest + 1)], dtype="int32")
        distance = ops.clip(distances(queries, keys, before), -furthest, furthest)
        number = ops.take(ops.convert_to_tensor(self.weight), ops.take(buckets, distance + furthest), axis=0)
        return ops.transpose(number, (2, 0, 1))  # (heads, queries, keys)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "buckets": self.buckets,
            "max_distance": self.max_distance,
            "bidirectional": self.bidirectional,
        }


@layers.register("alibi", tags={"positions", "causal"}, reference="arXiv:2108.12409", cases=({"heads": 1},))
@keras.saving.register_keras_serializable("keraseq")
class ALiBi(ScoreBias):
    """Lowers the score of a query and a key by their distance, in each head by another slope.

        y_ij = x_ij - m_h |i - j|,   m_h = 2^(-8h / heads),   h = 1 … heads

    Where heads is not a power of two, those of the power below come first, then every other one of the power above.

    Args:
        heads: of the attention, at least 1.

    Call shapes: scores `(batch, heads, queries, keys)`, or `(batch, queries, keys)` with one head → the same.

    Mask: not looked at. Passed on.

    Step by step: the state is the number of queries so far, int32; keys are all there from the start.

    Raises:
        UsageError: heads below 1, or scores of another number of heads.

    Reference: Press, Smith, Lewis 2022, Attention with linear biases, arXiv:2108.12409.

    Differs from the paper: without a causal mask keys ahead are lowered as those behind.
    """

    def slopes(self) -> list[float]:
        """m of each head."""
        power = 2 ** math.floor(math.log2(self.heads))
        rest = [2 ** (-8 * h / (2 * power)) for h in range(1, 2 * power, 2)]
        return [*(2 ** (-8 * h / power) for h in range(1, power + 1)), *rest][: self.heads]

    def bias(self, queries: Any, keys: Any, before: Any) -> Any:
        slopes = ops.convert_to_tensor(self.slopes(), dtype="float32")
        distance = ops.cast(ops.abs(distances(queries, keys, before)), "float32")
        return -slopes[:, None, None] * distance


def positions_of(positions: str | RelativePositions | None, heads: int, causal: bool) -> RelativePositions | None:
    """The positions of an attention layer with so many heads, from their name or given as a layer.

    Raises:
        UsageError: neither a name in NAMES nor such a layer, or one for another number of heads.
    """
    if isinstance(positions, str):
        check(positions in NAMES, f"positions must be one of {', '.join(NAMES)}, a layer or None; got {positions!r}")
        if positions == "rotary":
            return Rotary()
        return ALiBi(heads) if positions == "alibi" else RelativeBias(heads, bidirectional=not causal)
    check(
        positions is None or isinstance(positions, RelativePositions),
        f"positions must be one of {', '.join(NAMES)}, a layer such as Rotary(), or None; got {positions!r}",
    )
    given = getattr(positions, "heads", heads)
    check(given == heads, f"positions must be for as many heads as the attention; got {given} and {heads}")
    return positions
