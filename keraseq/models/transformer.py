"""The Transformer encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq import layers
from keraseq.config import Choice, Int, check
from keraseq.models.family import Family
from keraseq.models.inputs import Inputs, Tokens
from keraseq.registry import models

if TYPE_CHECKING:
    import keras

POSITIONS = ("sinusoidal", "learned", "rotary")


@models.register("transformer", tags={"attention"}, reference="arXiv:1706.03762")
@dataclass(frozen=True)
class Transformer(Family):
    """Transformer encoder: positions, then pre-norm blocks of self-attention and a feed-forward network, then a norm.

    Steps that do not have `units` features already are first projected to as many.

    Reference: Vaswani et al. 2017, arXiv:1706.03762, in the pre-norm form of Xiong et al. 2020, arXiv:2002.04745.

    Differs from the paper: normalisation before each part and GELU; see `keraseq.layers.TransformerBlock`.
    """

    units: Annotated[int, Int(16, 128, log=True), "features of every step within the model"] = 64
    heads: Annotated[
        int, Choice(1, 2, 4, 8), "attention heads; each has units / heads features, rounded up to even"
    ] = 4
    layers: Annotated[int, Int(1, 3), "blocks, one on top of the other"] = 2
    feed_forward: Annotated[int, Choice(1, 2, 4), "features within a feed-forward network, as a multiple of units"] = 2
    positions: Annotated[str, Choice(*POSITIONS), "how a step knows its place: sinusoidal, learned or rotary"] = (
        "rotary"
    )
    max_length: Annotated[int, "longest sequence that learned positions can take"] = 1024

    width: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("heads", "layers", "feed_forward", "max_length")
        check(self.positions in POSITIONS, f"positions must be one of {', '.join(POSITIONS)}; got {self.positions!r}")

    def check_inputs(self, inputs: Inputs) -> None:
        longest = inputs.longest if isinstance(inputs, Tokens) else inputs.length
        check(
            self.positions != "learned" or longest is None or longest <= self.max_length,
            f"learned positions reach {self.max_length} steps (max_length), but the task has up to {longest}; raise "
            "the model's max_length, or use rotary or sinusoidal positions",
        )

    def backbone(self, x: keras.KerasTensor) -> keras.KerasTensor:
        import keras

        if x.shape[-1] != self.units:
            x = keras.layers.Dense(self.units, name="projection")(x)
        if self.positions == "sinusoidal":
            x = layers.SinusoidalPositions(name="positions")(x)
        elif self.positions == "learned":
            x = layers.LearnedPositions(self.max_length, name="positions")(x)
        for i in range(self.layers):
            x = layers.TransformerBlock(
                self.heads,
                feed_forward=self.feed_forward,
                positions="rotary" if self.positions == "rotary" else None,
                dropout=self.dropout,
                name=f"block_{i}",
            )(x)
        return keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
