"""The Conformer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq import layers
from keraseq.config import Choice, Int, check
from keraseq.models.family import Family
from keraseq.registry import models

if TYPE_CHECKING:
    import keras

    from keraseq.models.attend import Attend

POSITIONS = {"none": None, "rotary": "rotary", "relative": "relative_bias", "alibi": "alibi"}


@models.register(
    "conformer",
    tags={"attention", "convolutional"},
    reference="arXiv:2005.08100",
    cases=({}, {"causal": True, "kernel_size": 4}, {"causal": True, "window": 3, "positions": "relative"}),
)
@dataclass(frozen=True)
class Conformer(Family):
    """Conformer: blocks of a half feed-forward network, self-attention, a convolution and another half network.

    Steps that do not have `units` features already are first projected to as many. As a decoder it reads from the
    encoder after each block.

    Reference: Gulati et al. 2020, arXiv:2005.08100.

    Differs from the paper: no subsampling before the blocks; layer normalisation in place of batch normalisation and
    rotary positions: see `keraseq.layers.ConformerBlock`; smaller by default, with 15 taps in place of 31.
    """

    units: Annotated[int, Int(16, 128, log=True), "features of every step within the model"] = 64
    heads: Annotated[
        int, Choice(1, 2, 4, 8), "attention heads; each has units / heads features, rounded up to even"
    ] = 4
    layers: Annotated[int, Int(1, 3), "blocks, one on top of the other"] = 2
    kernel_size: Annotated[int, Choice(7, 15, 31), "taps of the convolution of each block"] = 15
    feed_forward: Annotated[
        int, Choice(1, 2, 4), "features within each feed-forward network, as a multiple of units"
    ] = 2
    positions: Annotated[str, "how a step knows its place: rotary, relative, alibi or none"] = "rotary"
    window: Annotated[int | None, "attention only to steps less than this many away; None is to all"] = None
    causal: Annotated[bool, "whether no step reads from later ones, so that the model runs step by step"] = False

    width: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("heads", "layers", "kernel_size", "feed_forward")
        check(self.positions in POSITIONS, f"positions must be one of {', '.join(POSITIONS)}; got {self.positions!r}")
        check(self.window is None or self.window >= 1, f"window must be at least 1, or None; got {self.window}")

    def is_causal(self) -> bool:
        return self.causal

    def directed(self, causal: bool) -> Conformer:
        return replace(self, causal=causal)

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        if x.shape[-1] != self.units:
            x = keras.layers.Dense(self.units, name="projection")(x)
        for i in range(self.layers):
            attention = layers.MultiHeadAttention(
                self.heads,
                causal=self.causal,
                window=self.window,
                positions=POSITIONS[self.positions],
                name="attention",
            )
            x = layers.ConformerBlock(
                attention,
                kernel_size=self.kernel_size,
                feed_forward=self.feed_forward,
                dropout=self.dropout,
                name=f"block_{i}",
            )(x)
            x = attend(x) if attend else x
        return x
