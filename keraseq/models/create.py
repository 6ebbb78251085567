"""From the name of a family and a task to a Keras model."""

from __future__ import annotations

import contextlib
import functools
import math
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from keraseq.config import check, configure
from keraseq.errors import UsageError
from keraseq.models.encoder_decoder import PAIR_SETTINGS, EncoderDecoder, check_halves, pair
from keraseq.models.family import Family
from keraseq.models.inputs import Features, Inputs, Tokens, enter
from keraseq.models.outputs import Forecasting, Output, Translation
from keraseq.models.width import PARAMETERS, solve
from keraseq.models.window import normalised
from keraseq.registry import models

if TYPE_CHECKING:
    import keras

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


class Asks(Protocol):
    """What of a task a model depends on."""

    @property
    def inputs(self) -> Inputs: ...

    @property
    def output(self) -> Output: ...


def create_model(
    name: str,
    task: Asks,
    *,
    parameters: int | None = None,
    seed: int | None = None,
    precision: str = "float32",
    **config: Any,
) -> keras.Model:
    """A new model of the family `name` for `task`, not compiled.

    Args:
        name: family or alias: see `keraseq.registry.models`.
        task: anything with `inputs` and `output`.
        parameters: trainable parameters wanted; the family's width is solved for, to within 5 % where a whole number
            allows. Not together with the width itself.
        seed: of initial weights and dropout, 0 or above. Given, it is set by `keras.utils.set_random_seed`, which also
            seeds Python, NumPy and TensorFlow as a whole. None takes what they give.
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`: weights are float32 in each, and so is the output.
        config: fields of the family; for a translation task also those of `keraseq.models.encoder_decoder.Link`, and
            `encoder` or `decoder` to make one half of another family.

    Raises:
        UsageError: unknown family or field, a value refused, `parameters` together with the width or below what the
            family can do.

    Example:
        >>> model = create_model("tcn", task, filters=32, seed=0)                           # doctest: +SKIP
        >>> model = create_model("lstm", translation, encoder="transformer", units=128)     # doctest: +SKIP
    """
    family = resolve(name, task, parameters, config)
    check(precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}")
    with _precision(precision):
        return build(family, task.inputs, task.output, name=models.entry(name).name, seed=seed)


def resolve(
    name: str, task: Asks, parameters: int | None = None, config: Mapping[str, Any] | None = None
) -> Family | EncoderDecoder:
    """The complete configuration that `create_model` builds, with the width solved for where `parameters` is given."""
    cls = models.get(name)
    config = dict(config or {})
    translates = isinstance(task.output, Translation)
    model = pair(name, config) if translates else configure(cls, config, f"model {name!r}")
    model = model.directed(causal=True) if isinstance(model, Family) and task.output.causal else model
    for setting in sorted(config.keys() & without_effect(name, task.output)):
        taken = [cls(), *([cls().directed(causal=True)] if task.output.causal else [])]
        check(
            config[setting] in [getattr(family, setting) for family in taken],
            f"model {name!r}: {setting}={config[setting]!r} has no effect on {task.output.kind}; leave it out",
        )
    if parameters is None:
        return model
    check_free(name, config, PARAMETERS.name, parameters)
    return _solve(model, task.inputs, task.output, parameters)


def check_free(name: str, config: Mapping[str, Any], measure: str, wanted: float) -> None:
    """Raises UsageError where settings give a width that is to be solved for, so that `measure` comes to `wanted`."""
    width = models.get(name).width
    check(
        width not in config,
        f"model {name!r}: give {measure} or {width}, not both; got {measure}={wanted} and {width}={config.get(width)}",
    )
    check_halves(name, config, measure, wanted)


def without_effect(name: str, output: Output) -> frozenset[str]:
    """Fields of a family that change nothing for such an output.

    That is pooling where something is asked for at each step, and the direction where the output decides it.
    """
    cls: type[Family] = models.get(name)
    found = {"pooling"} if output.per_step else set()
    if isinstance(output, Translation) or output.causal:
        with contextlib.suppress(UsageError):  # of a family that cannot be causal
            one_way, both_ways = (cls().directed(causal) for causal in (True, False))
            found |= {key for key, value in one_way.settings().items() if value != both_ways.settings()[key]}
    return frozenset(found)


def check_settings(name: str, config: Mapping[str, Any]) -> None:
    """Raises UsageError where settings fit no model of a family, whatever the task; for checks before it is loaded."""
    if config.keys() & PAIR_SETTINGS:
        pair(name, config)
    else:
        configure(models.get(name), config, f"model {name!r}")


def build(
    model: Family | EncoderDecoder,
    inputs: Inputs,
    output: Output,
    *,
    name: str | None = None,
    seed: int | None = None,
) -> keras.Model:
    """The Keras model of a configuration. Arguments as in `create_model`."""
    import keras

    model.check_inputs(inputs)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    if isinstance(model, EncoderDecoder):
        assert isinstance(output, Translation)
        return model.build(inputs, output, name=name or "encoder_decoder")
    given, x = enter(inputs, model.channels)
    if isinstance(inputs, Tokens):
        x = keras.layers.Dropout(model.dropout, name="embedding_dropout")(x)
    restore = None
    if isinstance(output, Forecasting) and output.reversible:
        _check_reversible(inputs, output)
        x, restore = normalised(x)
    x = model.backbone(x)
    x = output.head(model.outgoing(x if output.per_step else model.pool(x)))
    x = restore(x) if restore else x
    return keras.Model(given, x, name=name or models.name_of(type(model)) or type(model).__name__.lower())


def _check_reversible(inputs: Inputs, output: Forecasting) -> None:
    """Raises UsageError where a forecast cannot be scaled back to what went in."""
    fits = isinstance(inputs, Features) and inputs.length is not None and inputs.mean is None
    check(
        fits and getattr(inputs, "size", None) == output.size,
        f"a reversible forecast of {output.size} numbers a step needs features of that size, in windows of one length, "
        f"that are not standardised; got {inputs}. Remedy: Forecasting(…, reversible=False)",
    )


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
    """Layers made within compute in this precision."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def count_parameters(model: keras.Model) -> int:
    """Trainable parameters of a built model."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def _solve(model: Family | EncoderDecoder, inputs: Inputs, output: Output, parameters: int) -> Family | EncoderDecoder:
    """`model` with the width whose parameters come nearest to `parameters`; random numbers go on as if nothing were."""
    state = random.getstate()  # from which layers without a seed draw theirs
    try:
        return _solved(model, inputs, output, parameters)
    finally:
        random.setstate(state)


@functools.lru_cache(maxsize=256)
def _solved(model: Family | EncoderDecoder, inputs: Inputs, output: Output, parameters: int) -> Family | EncoderDecoder:
    def count(width: int) -> int:
        return count_parameters(build(model.with_width(width), inputs, output))

    title, field = type(model).__name__, getattr(model, "width", "width")
    return model.with_width(solve(count, parameters, PARAMETERS, title=title, field=field))
