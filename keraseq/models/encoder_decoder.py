"""Two families as encoder and decoder: sequence to sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from keraseq import layers
from keraseq.config import check, configure, fields, parse, settings_of
from keraseq.models.attend import Attend
from keraseq.models.family import Family
from keraseq.models.inputs import Inputs, Tokens, enter
from keraseq.registry import models

if TYPE_CHECKING:
    import keras

    from keraseq.models.outputs import Translation

ATTENTION = ("multi_head", "multiplicative", "additive")


@dataclass(frozen=True)
class Link:
    """What lies between an encoder and a decoder, and how the decoder is trained."""

    cross_attention: Annotated[str, f"how the decoder reads from the encoder: {', '.join(ATTENTION)}"] = "multi_head"
    cross_heads: Annotated[int, "heads of multi-head attention to the encoder"] = 4
    tied_embeddings: Annotated[bool, "whether embedding and output projection of the target share one matrix"] = True
    scheduled_sampling: Annotated[
        float, "fraction of true symbols replaced by predicted ones in training, in [0, 1]; recurrent decoders only"
    ] = 0.0
    sampling_steps: Annotated[int, "training steps over which that fraction rises from zero"] = 2_000

    def __post_init__(self) -> None:
        check(
            self.cross_attention in ATTENTION,
            f"cross_attention must be one of {', '.join(ATTENTION)}; got {self.cross_attention!r}",
        )
        for name in ("cross_heads", "sampling_steps"):
            check(getattr(self, name) >= 1, f"{name} must be at least 1; got {getattr(self, name)}")
        share = self.scheduled_sampling
        check(0 <= share <= 1, f"scheduled_sampling must be in [0, 1]; got {share}")


@dataclass(frozen=True)
class EncoderDecoder:
    """An encoder that reads the source, and a decoder that writes the target a symbol at a time.

        context = encoder(source),   p(y_t | y_<t) = softmax(E decoder(y_<t, context))

    In training the decoder is given the true symbols before each step (teacher forcing). The encoder sees both
    directions where its family can; every block of the decoder is causal and reads from the context.

    Reference: Bahdanau et al. 2015, arXiv:1409.0473 (additive attention); Luong et al. 2015, arXiv:1508.04025
    (multiplicative); Vaswani et al. 2017, arXiv:1706.03762 (multi-head). Tied embeddings: Press and Wolf 2017,
    arXiv:1608.05859. Scheduled sampling: Bengio et al. 2015, arXiv:1506.03099, in the two passes of Mihaylova and
    Martins 2019, arXiv:1906.07651.

    Differs from the papers: a decoder starts from a state of zeros, not from the last state of the encoder, so that any
    two families fit together; attention reads with the states of the step itself; scheduled sampling draws from
    predictions made with the true history, since a second pass over whole sequences is parallel in time.
    """

    encoder: Family
    decoder: Family
    link: Link = Link()

    def __post_init__(self) -> None:
        name = _name(self.decoder)
        check(
            not self.link.scheduled_sampling or "recurrent" in models.entry(name).tags,
            f"scheduled_sampling is for recurrent decoders; got decoder {name!r}: leave it at 0, or choose one of "
            f"{', '.join(models.names(tags={'recurrent'}))}",
        )

    @property
    def channels(self) -> int:
        """The width of the decoder."""
        return self.decoder.channels

    def with_width(self, width: int) -> EncoderDecoder:
        """The same with both halves of this width."""
        return replace(self, encoder=self.encoder.with_width(width), decoder=self.decoder.with_width(width))

    def settings(self) -> dict[str, Any]:
        """All settings as plain data, which `pair` takes again."""
        halves = {"encoder": self.encoder, "decoder": self.decoder}
        named = {half: {"family": _name(family), **family.settings()} for half, family in halves.items()}
        return {**named, **settings_of(self.link)}

    def check_inputs(self, inputs: Inputs) -> None:
        """Raises UsageError where the encoder cannot take such inputs."""
        self.encoder.check_inputs(inputs)

    def build(self, inputs: Inputs, output: Translation, name: str) -> keras.Model:
        """The Keras model: `{"source": …, "previous": tokens}` → logits of the next symbols, with parts called
        `"encoder"` and `"decoder"`.
        """
        import keras

        self.decoder.check_inputs(Tokens(output.vocabulary_size, longest=output.longest))
        encoder = self._encoder(inputs)
        like = encoder.input if isinstance(encoder.input, dict) else {"source": encoder.input}
        source = {name: keras.Input(x.shape[1:], dtype=x.dtype, name=name) for name, x in like.items()}
        source = source if isinstance(encoder.input, dict) else source["source"]
        previous = keras.Input((None,), dtype="int32", name="previous")
        context = encoder(source)
        decoder = self._decoder(output, context.shape[-1])
        logits = decoder([previous, context])
        share = self.link.scheduled_sampling
        if share:
            sampling = layers.ScheduledSampling(share, self.link.sampling_steps, name="scheduled_sampling")
            logits = decoder([sampling([previous, logits]), context])
        return keras.Model({"source": source, "previous": previous}, logits, name=name)

    def _encoder(self, inputs: Inputs) -> keras.Model:
        import keras

        given, x = enter(inputs, self.encoder.channels)
        if isinstance(inputs, Tokens):
            x = keras.layers.Dropout(self.encoder.dropout, name="embedding_dropout")(x)
        return keras.Model(given, self.encoder.backbone(x), name="encoder")

    def _decoder(self, output: Translation, context_size: int) -> keras.Model:
        import keras

        previous = keras.Input((None,), dtype="int32", name="previous")
        context = keras.Input((None, context_size), name="context")
        embedding = keras.layers.ReversibleEmbedding(
            output.vocabulary_size, self.channels, mask_zero=True, name="embedding"
        )
        x = keras.layers.Dropout(self.decoder.dropout, name="embedding_dropout")(embedding(previous))
        x = self.decoder.backbone(
            x, Attend(context, self.link.cross_attention, self.link.cross_heads, self.decoder.dropout)
        )
        if self.link.tied_embeddings:
            logits = keras.layers.Identity(dtype="float32", name="logits")(embedding(x, reverse=True))
        else:
            logits = output.head(x)
        return keras.Model([previous, context], logits, name="decoder")


PAIR_SETTINGS = frozenset({"encoder", "decoder", *(field.name for field in fields(Link))})
"""Names of the settings that make an encoder–decoder of a family."""


def pair(name: str, config: Mapping[str, Any]) -> EncoderDecoder:
    """The encoder and decoder that settings describe.

    Args:
        name: the family of both halves, unless `encoder` or `decoder` name another.
        config: fields of `Link`, and fields of the family `name`, which hold for the halves that are of it. `encoder`
            and `decoder` are each a family's name, whose settings are then its defaults at the width of `name`, or a
            dictionary of `family` and its settings.

    Raises:
        UsageError: unknown family or setting, a decoder that cannot be causal, or a value refused.
    """
    owner = f"model {name!r}"
    own = {key: value for key, value in config.items() if key not in PAIR_SETTINGS}
    between = {key: value for key, value in config.items() if key in PAIR_SETTINGS - {"encoder", "decoder"}}
    base: Family = configure(models.get(name), own, owner)
    return EncoderDecoder(
        encoder=_half(config.get("encoder"), base, f"{owner}: encoder").directed(causal=False),
        decoder=_half(config.get("decoder"), base, f"{owner}: decoder").directed(causal=True),
        link=configure(Link, between, owner),
    )


def check_halves(name: str, config: Mapping[str, Any], measure: str, wanted: float) -> None:
    """Raises UsageError where a half is given a width, and the width is to be solved for."""
    for half in ("encoder", "decoder"):
        told = _told(config.get(half))
        width = models.get(told["family"]).width if isinstance(told, Mapping) else None
        check(
            width is None or width not in told,
            f"model {name!r}: give {measure} or the {width} of the {half}, not both; got {measure}={wanted} and "
            f"{half}={told}",
        )


def _half(told: Any, base: Family, owner: str) -> Family:
    """The family of a half: `base` where nothing is told, else what a name, or a dictionary or its JSON text, tells."""
    told = _told(told)
    if told is None:
        return base
    if isinstance(told, str):
        if models.entry(told).name == _name(base):
            return base
        return models.get(told)().with_width(base.channels)
    check(
        isinstance(told, Mapping) and "family" in told,
        f"{owner} must be the name of a family, or a dictionary of family and its settings; got {told!r}",
    )
    settings = dict(told)
    family: Family = configure(models.get(settings.pop("family")), settings, owner)
    return family


def _told(told: Any) -> Any:
    """What is told of a half: from the command line a dictionary comes as text."""
    return parse(told) if isinstance(told, str) else told


def _name(family: Family) -> str:
    return models.name_of(type(family)) or type(family).__name__.lower()
