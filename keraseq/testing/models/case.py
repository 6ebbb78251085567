"""A model family under examination."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keraseq.config import configure
from keraseq.errors import UsageError
from keraseq.models import (
    Classification,
    Family,
    Features,
    Forecasting,
    Inputs,
    LanguageModelling,
    MultiLabelClassification,
    MultiLabelTagging,
    Output,
    Regression,
    Tagging,
    Tokens,
    Transduction,
    Translation,
    Waveform,
    create_model,
    without_effect,
)
from keraseq.models.inputs import enter
from keraseq.registry import Entry
from keraseq.testing.arrays import move
from keraseq.testing.suite import Case, resolve

BATCH, TIME = 4, 8
FEATURES = 3

INPUTS: dict[str, Inputs] = {
    "tokens": Tokens(11),
    "features": Features(FEATURES, mean=(0.0, 0.5, 1.0), deviation=(1.0, 2.0, 0.5)),
    "fixed": Features(1, length=TIME),
    "waveform": Waveform(8000, mels=4, frame_length=0.004, hop=0.002, mean=(-9.0,) * 4, deviation=(2.0,) * 4),
}
TRANSLATION = Translation(9, start=1, end=2)
OUTPUTS: dict[str, Output] = {
    "classification": Classification(("a", "b", "c")),
    "regression": Regression(2),
    "forecasting": Forecasting(4),
    "tagging": Tagging(("a", "b", "c")),
    "multilabel_classification": MultiLabelClassification(("a", "b", "c")),
    "multilabel_tagging": MultiLabelTagging(("a", "b", "c")),
    "language_modelling": LanguageModelling(11),
    "transduction": Transduction(("a", "b", "c")),
    "translation": TRANSLATION,
}
"""One of every kind that a model can be asked for."""

SHAPES = {
    "classification": (BATCH, 3),
    "regression": (BATCH, 2),
    "forecasting": (BATCH, 4, 1),
    "tagging": (BATCH, TIME, 3),
    "multilabel_classification": (BATCH, 3),
    "multilabel_tagging": (BATCH, TIME, 3),
    "language_modelling": (BATCH, TIME, 11),
    "transduction": (BATCH, TIME, 4),
    "translation": (BATCH, TIME, 9),
}
PADDING = np.arange(TIME) < np.array([[TIME], [3], [1], [5]])  # (BATCH, TIME), True at valid steps


@dataclass(frozen=True)
class Asked:
    """The part of a task that a model depends on."""

    inputs: Inputs
    output: Output


class FamilyCase:
    """A family with one choice of settings, and what the checks share.

    Attributes:
        entry: its registration.
        settings: fields that differ from the defaults.
        measured: numbers that checks leave for the report.
    """

    def __init__(self, entry: Entry, settings: Mapping[str, Any]):
        self.entry = entry
        self.settings = dict(settings)
        self.measured: dict[str, float] = {}
        self._models: dict[tuple[str, str], keras.Model] = {}

    @classmethod
    def registered(cls, entry: Entry, case: Case) -> FamilyCase:
        """A case of a registered family."""
        return cls(entry, resolve(case))

    @functools.cached_property
    def family(self) -> Family:
        return configure(self.entry.component, self.settings, self.entry.name)

    @functools.cached_property
    def causal(self) -> Family | None:
        """The family with steps that never look ahead, or None where it cannot have that."""
        try:
            return self.family.directed(causal=True)
        except UsageError:
            return None

    @property
    def first(self) -> bool:
        """Whether these are the defaults or the first case: what does not depend on settings is checked once."""
        return not self.settings or self.settings == dict(resolve(self.entry.cases[0]))

    def create(self, inputs: str, output: str, seed: int = 0) -> keras.Model:
        """A new model for a kind of input and of output."""
        idle = without_effect(self.entry.name, OUTPUTS[output])
        settings = {key: value for key, value in self.settings.items() if key not in idle}
        return create_model(self.entry.name, Asked(INPUTS[inputs], OUTPUTS[output]), seed=seed, **settings)

    def model(self, inputs: str, output: str) -> keras.Model:
        """The model of seed 0, made once."""
        key = (inputs, output)
        if key not in self._models:
            self._models[key] = self.create(inputs, output)
        return self._models[key]


def backbone(family: Family) -> keras.Model:
    """`{"values", "mask"}` → the steps that the backbone gives, with weights moved away from where they start."""
    keras.utils.set_random_seed(0)
    given, x = enter(Features(FEATURES), family.channels)
    model = keras.Model(given, family.backbone(x))
    move(model.trainable_weights)
    return model


def example(inputs: str, padded_row: bool = False) -> Any:
    """A batch with right padding, where the inputs know padding."""
    random, kind = np.random.default_rng(3), INPUTS[inputs]
    mask = PADDING.copy()
    if padded_row:
        mask[2] = False
    if isinstance(kind, Tokens):
        return np.where(mask, random.integers(1, kind.vocabulary_size, (BATCH, TIME)), 0)
    if isinstance(kind, Waveform):
        mask = np.repeat(mask, kind.hop_samples, axis=1)
        return {"values": random.uniform(-1, 1, mask.shape).astype("float32"), "mask": mask}
    values = random.normal(size=(BATCH, TIME, kind.size)).astype("float32")
    return values if kind.length else {"values": values, "mask": mask}


def array(x: Any) -> np.ndarray:
    """A tensor as a NumPy array."""
    return keras.ops.convert_to_numpy(x)
