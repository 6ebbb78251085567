"""What every layer must do: one small function a check.

Inputs are `(batch, time, FEATURES)`; layers may give `(batch, time, …)` or `(batch, …)`. A layer that is called with a
context too is given one in all checks. What a layer says of itself, by its tags and by its attribute `causal`, decides
which checks are asked for, and is checked itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from keraseq.config import check
from keraseq.registry import Entry, layers
from keraseq.testing.layers.basics import (
    check_config,
    check_deterministic,
    check_rows_independent,
    check_saving,
    check_shapes,
)
from keraseq.testing.layers.case import Create, LayerCase
from keraseq.testing.layers.masks import (
    check_all_padding,
    check_context,
    check_context_padding,
    check_mask_passed,
    check_padding,
    check_padding_length,
)
from keraseq.testing.layers.numbers import check_compiled, check_gradients, check_lengths, check_mixed_precision
from keraseq.testing.layers.time import check_causality, check_compiled_steps, check_stepping
from keraseq.testing.report import Report
from keraseq.testing.suite import Check, Suite, check_entry, only_if

KIND_TAGS = frozenset(
    {"recurrent", "convolutional", "attention", "state_space", "positions", "pooling", "block", "masking", "audio"}
)
LAYER_TAGS = KIND_TAGS | {"causal", "two_inputs"}


def check_layer(layer: str | Create, **settings: Any) -> Report:
    """Runs every check of `LAYER_CHECKS`.

    Args:
        layer: registered name, which is tried with the cases of its registration, or a function without arguments that
            makes a new layer.
        settings: with a name, arguments of its constructor to try in place of those cases.

    Returns:
        How many checks ran, which were not asked for, and which are expected to fail.

    Raises:
        AssertionError: the layer fails checks; the message names each.
        UsageError: unknown name, or settings with a function.
    """
    if isinstance(layer, str):
        report = LAYERS.examine(layer, (settings,) if settings else None)
    else:
        check(not settings, f"settings are for registered names; got {settings} with a function")
        report = LAYERS.examine_subject(getattr(layer, "__name__", "layer"), LayerCase(layer))
    report.raise_failures()
    return report


@only_if(lambda case: case.entry is not None, "it is not registered")
def check_registration(case: LayerCase) -> None:
    """Tags are known and true, and expected failures are of known checks, each with a reason."""
    assert case.entry is not None
    check_entry(case.entry, LAYER_TAGS, LAYER_CHECKS)
    tags = case.entry.tags
    assert tags & KIND_TAGS, (
        f"a tag must tell the kind of layer: one of {', '.join(sorted(KIND_TAGS))}; got {sorted(tags)}"
    )
    pooling = not case.gives_sequence
    assert pooling == ("pooling" in tags), f"gives {'vectors' if pooling else 'sequences'}; tags say {sorted(tags)}"
    assert case.two_inputs == ("two_inputs" in tags), f"two inputs: {case.two_inputs}; tags say {sorted(tags)}"
    causal = getattr(_at_defaults(case.entry, case.settings), "causal", None)
    assert causal is None or pooling or causal == ("causal" in tags), f"causal={causal}; tags say {sorted(tags)}"


def _at_defaults(entry: Entry, settings: Mapping[str, Any]) -> keras.Layer:
    """The layer with those settings alone that it cannot do without."""
    parameters = inspect.signature(entry.component.__init__).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty}
    return LayerCase.registered(entry, {name: value for name, value in settings.items() if name in required}).create()


LAYER_CHECKS: tuple[Check, ...] = (
    check_registration,
    check_shapes,
    check_config,
    check_saving,
    check_deterministic,
    check_rows_independent,
    check_lengths,
    check_gradients,
    check_compiled,
    check_mixed_precision,
    check_padding,
    check_padding_length,
    check_all_padding,
    check_mask_passed,
    check_context,
    check_context_padding,
    check_causality,
    check_stepping,
    check_compiled_steps,
)

LAYERS = Suite("layers", layers, LAYER_CHECKS, LayerCase.registered)
