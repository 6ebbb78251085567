"""A layer under examination."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keraseq.errors import UsageError
from keraseq.layers.masking import AttachMask
from keraseq.registry import Entry, layers
from keraseq.testing.arrays import (
    ALL_MASKS,
    BATCH,
    CONTEXT_TIME,
    FEATURES,
    MASKS,
    TIME,
    as_array,
    move,
    values,
)
from keraseq.testing.gradients import output, outputs_and_gradients
from keraseq.testing.suite import Case, resolve

Create = Callable[[], keras.Layer]

SEED = 0  # a check that fails, fails each time


class LayerCase:
    """A layer with one choice of settings, and what the checks share.

    Args:
        create: makes a new layer.
        entry: its registration, or None.
        settings: the arguments that `create` passes, where it is registered.

    Attributes:
        layer: built. Its weights are moved away from where they start, so that biases of zero and gains of one count.
        two_inputs: whether it is called as `layer(x, context)`.
        causal: whether it says, by its attribute or else its tag, that no step depends on a later one.
        gives_sequence: whether outputs are `(batch, time, …)` and not `(batch, …)`.
        takes_masks: whether it takes masks; one that does not must refuse them by UsageError.
        measured: numbers that checks leave for the report.
    """

    def __init__(self, create: Create, entry: Entry | None = None, settings: Mapping[str, Any] | None = None):
        self.create = create
        self.entry = entry
        self.settings = dict(settings or {})
        self.measured: dict[str, float] = {}

    @classmethod
    def registered(cls, entry: Entry, case: Case) -> LayerCase:
        """A case of a registered layer."""
        return cls(lambda: entry.component(**_settings(case)), entry, _settings(case))

    @functools.cached_property
    def layer(self) -> keras.Layer:
        layer = self.new()
        self._start = layer.get_weights()
        move(layer.trainable_weights)
        return layer

    @contextlib.contextmanager
    def at_start(self) -> Iterator[None]:
        """Within, `layer` has the weights that it starts with."""
        moved = self.layer.get_weights()
        self.layer.set_weights(self._start)
        try:
            yield
        finally:
            self.layer.set_weights(moved)

    def new(self) -> keras.Layer:
        """A new layer, built, with the same weights each time."""
        keras.utils.set_random_seed(SEED)
        layer = self.create()
        self.symbolic(layer, masked=False)
        return layer

    @functools.cached_property
    def tags(self) -> frozenset[str]:
        if self.entry is not None:
            return self.entry.tags
        name = layers.name_of(type(self.layer))
        return layers.entry(name).tags if name else frozenset()

    @functools.cached_property
    def two_inputs(self) -> bool:
        return "context" in inspect.signature(self.create().call).parameters

    @property
    def causal(self) -> bool:
        return getattr(self.layer, "causal", "causal" in self.tags)

    @functools.cached_property
    def gives_sequence(self) -> bool:
        return self.output(self.given()).ndim > 2

    @functools.cached_property
    def takes_masks(self) -> bool:
        try:
            self.output(self.given(mask=MASKS["inner"]))
        except UsageError:
            return False
        return True

    def given(
        self, batch: int = BATCH, time: int = TIME, seed: int = 0, mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Ordinary inputs, with a mask where one is given and a context where the layer wants one."""
        given = {"x": values(batch, time, seed=seed)}
        if mask is not None:
            given["mask"] = mask
        if self.two_inputs:
            given["context"] = values(batch, CONTEXT_TIME, FEATURES + 1, seed=seed + 100)
        return given

    def padded(self, seed: int = 0) -> dict[str, np.ndarray]:
        """Inputs with left, inner and right padding, a row each; without masks where the layer refuses them."""
        if not self.takes_masks:
            return self.given(seed=seed)
        return self.given(len(ALL_MASKS), seed=seed, mask=ALL_MASKS)

    def output(self, given: Mapping[str, Any], training: bool = False) -> np.ndarray:
        """What `layer` gives, as float32."""
        return as_array(output(self.layer, given, training))

    def finite_gradients(self, given: Mapping[str, Any], when: str) -> dict[str, np.ndarray]:
        """Gradients by name; raises AssertionError where one of them, or the output, is not finite."""
        y, gradients = outputs_and_gradients(self.layer, given)
        arrays = {name: as_array(gradient) for name, gradient in gradients.items()}
        assert np.isfinite(as_array(y)).all(), f"{when}: output is not finite"
        for name, gradient in arrays.items():
            assert np.isfinite(gradient).all(), f"{when}: gradient of {name} is not finite"
        return arrays

    def symbolic(self, layer: keras.Layer, masked: bool) -> tuple[list[Any], Any]:
        """Keras inputs of unknown batch and time, in the order `x, mask, context, context_mask`, and the output."""
        inputs, steps = [], []
        for size in (FEATURES, FEATURES + 1)[: 2 if self.two_inputs else 1]:
            x = keras.Input((None, size))
            inputs.append(x)
            if masked:
                mask = keras.Input((None,), dtype="bool")
                inputs.append(mask)
                x = AttachMask()([x, mask])
            steps.append(x)
        return inputs, layer(*steps)


def valid(y: np.ndarray, given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Outputs that mean something: valid steps of a sequence, or whole vectors."""
    return y[given["mask"]] if "mask" in given and y.ndim > 2 else y


def _settings(case: Case) -> dict[str, Any]:
    """The settings of a case, with new layers in them, so that every layer made from them has weights of its own."""
    return {key: _new(value) if isinstance(value, keras.Layer) else value for key, value in resolve(case).items()}


def _new(layer: keras.Layer) -> keras.Layer:
    """The same layer without weights, in the precision of the hour."""
    config = layer.get_config()
    del config["dtype"]
    return type(layer).from_config(config)
