"""The Transformer: an encoder, or with a causal mask a decoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq import layers
from keraseq.config import Choice, Int, check
from keraseq.models.family import Family
from keraseq.models.inputs import Inputs, longest_steps
from keraseq.registry import models

if TYPE_CHECKING:
    import keras

    from keraseq.models.attend import Attend

ADDED = ("sinusoidal", "learned")
WITHIN = {"none": None, "rotary": "rotary", "relative": "relative_bias", "alibi": "alibi"}
POSITIONS = (*ADDED, *WITHIN)
ATTENTIONS = ("full", "local", "linear")
ACTIVATIONS = ("relu", "gelu", "swiglu")


@models.register(
    "transformer",
    tags={"attention"},
    reference="arXiv:1706.03762",
    cases=(
        {},
        {"causal": True, "positions": "learned", "norm": "post", "activation": "relu", "heads": 1},
        {"positions": "sinusoidal", "attention": "linear", "activation": "swiglu"},
        {"causal": True, "positions": "relative", "attention": "local", "window": 3, "key_value_heads": 1},
        {"causal": True, "positions": "alibi"},
        {"causal": True, "positions": "none", "attention": "linear"},
    ),
)
@dataclass(frozen=True)
class Transformer(Family):
    """Transformer: positions, then blocks of self-attention and a feed-forward network.

    Steps that do not have `units` features already are first projected to as many. As a decoder each block also reads
    from the encoder, between the two.

    Reference: Vaswani et al. 2017, arXiv:1706.03762; by default in the pre-norm form of Xiong et al. 2020,
    arXiv:2002.04745, with rotary positions, Su et al. 2021, arXiv:2104.09864.

    Differs from the paper: normalisation before each part, GELU and rotary positions by default. `norm="post"`,
    `activation="relu"`, `positions="sinusoidal"` and `feed_forward=4` are those of the paper.
    """

    units: Annotated[int, Int(16, 128, log=True), "features of every step within the model"] = 64
    heads: Annotated[
        int, Choice(1, 2, 4, 8), "attention heads; each has units / heads features, rounded up to even"
    ] = 4
    layers: Annotated[int, Int(1, 3), "blocks, one on top of the other"] = 2
    feed_forward: Annotated[int, Choice(1, 2, 4), "features within a feed-forward network, as a multiple of units"] = 2
    activation: Annotated[str, Choice("gelu", "swiglu"), "of the feed-forward network: relu, gelu or swiglu"] = "gelu"
    norm: Annotated[str, "layer normalisation before each part, pre, or after each sum, post"] = "pre"
    causal: Annotated[bool, "whether no step reads from later ones, so that the model runs step by step"] = False
    attention: Annotated[
        str, "full; local: only steps less than window away; or linear: see `keraseq.layers.LinearAttention`"
    ] = "full"
    window: Annotated[int, "reach of local attention, in steps, the step itself included"] = 64
    key_value_heads: Annotated[int | None, "keys and values for so many heads, shared by the others; None is all"] = (
        None
    )
    positions: Annotated[
        str,
        Choice("sinusoidal", "learned", "rotary"),
        "how a step knows its place: sinusoidal, learned, rotary, relative, alibi or none",
    ] = "rotary"
    max_length: Annotated[int, "longest sequence that learned positions can take"] = 1024

    width: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("heads", "layers", "feed_forward", "window", "max_length")
        for name, choices in {
            "positions": POSITIONS,
            "attention": ATTENTIONS,
            "norm": ("pre", "post"),
            "activation": ACTIVATIONS,
        }.items():
            value = getattr(self, name)
            check(value in choices, f"{name} must be one of {', '.join(choices)}; got {value!r}")
        shared = self.key_value_heads
        check(
            shared is None or (shared >= 1 and self.heads % shared == 0),
            f"key_value_heads must divide heads, or be None; got {shared} and {self.heads}",
        )
        check(
            self.attention != "linear" or (self.positions not in ("relative", "alibi") and shared is None),
            "linear attention has no scores for relative or alibi positions to be added to, and no key_value_heads; "
            f"got positions={self.positions!r} and key_value_heads={shared}",
        )

    def check_inputs(self, inputs: Inputs) -> None:
        longest = longest_steps(inputs)
        check(
            self.positions != "learned" or longest is None or longest <= self.max_length,
            f"learned positions reach {self.max_length} steps (max_length), but the task has up to {longest}; raise "
            "the model's max_length, or use rotary or sinusoidal positions",
        )

    def is_causal(self) -> bool:
        return self.causal

    def directed(self, causal: bool) -> Transformer:
        return replace(self, causal=causal)

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        if x.shape[-1] != self.units:
            x = keras.layers.Dense(self.units, name="projection")(x)
        if self.positions == "sinusoidal":
            x = layers.SinusoidalPositions(name="positions")(x)
        elif self.positions == "learned":
            x = layers.LearnedPositions(self.max_length, name="positions")(x)
        for i in range(self.layers):
            x = self._block(x, attend, name=f"block_{i}")
        return keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(x) if self.norm == "pre" else x

    def _block(self, x: keras.KerasTensor, attend: Attend | None, name: str) -> keras.KerasTensor:
        settings: dict[str, Any] = {
            "feed_forward": self.feed_forward,
            "activation": self.activation,
            "norm": self.norm,
            "dropout": self.dropout,
            "name": name,
        }
        if attend is None:
            return layers.TransformerBlock(self._self_attention(), **settings)(x)
        block = layers.TransformerDecoderBlock(
            self._self_attention(), attention=attend.attention, heads=attend.heads, **settings
        )
        return block(x, attend.context)

    def _self_attention(self) -> keras.Layer:
        positions = WITHIN.get(self.positions)
        if self.attention == "linear":
            return layers.LinearAttention(self.heads, causal=self.causal, positions=positions, name="attention")
        return layers.MultiHeadAttention(
            self.heads,
            key_value_heads=self.key_value_heads,
            causal=self.causal,
            window=self.window if self.attention == "local" else None,
            positions=positions,
            name="attention",
        )
