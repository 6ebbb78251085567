"""From a configuration to a model: fields, kinds of input and output, ranges, width, seeds, saving, learning."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keraseq import layers
from keraseq.config import Choice, Int, Range, configure, fields, settings_of
from keraseq.errors import KeraseqError
from keraseq.models import count_parameters, create_model
from keraseq.testing.arrays import assert_same
from keraseq.testing.models.case import INPUTS, OUTPUTS, SHAPES, TIME, TRANSLATION, Asked, FamilyCase, array, example
from keraseq.testing.suite import only_if

PARAMETERS = 30_000
once = only_if(lambda case: case.first, "it is checked with the first case")
STEPS, LEARNED = 100, 0.1


def check_fields(case: FamilyCase) -> None:
    """Every field has a meaning and a default, the width has a range, and the configuration survives as plain data."""
    cls = type(case.family)
    known = {field.name: field for field in fields(cls)}
    assert known[cls.width].range is not None, f"the width, {cls.width}, has no search range"
    for field in known.values():
        assert field.meaning, f"{field.name} does not say what it means"
    again = configure(cls, settings_of(case.family), case.entry.name)
    assert again == case.family, f"{case.family} came back as {again}"


def check_outputs(case: FamilyCase) -> None:
    """Every kind of input and of output gives finite float32 of the right shape, a padded row included."""
    pairs = [(inputs, "classification") for inputs in INPUTS if inputs != "waveform"]
    pairs += [
        ("tokens", "multilabel_classification"),
        ("fixed", "regression"),
        ("fixed", "forecasting"),
        ("features", "tagging"),
        ("tokens", "multilabel_tagging"),
        ("waveform", "transduction"),
    ]
    if case.causal is not None:
        pairs += [("tokens", "language_modelling"), ("tokens", "translation")]
    for inputs, output in pairs:
        x = example(inputs, padded_row=True)
        if output == "translation":
            x = {"source": x, "previous": TRANSLATION.previous(np.where(x > 0, x % 7 + 2, 0))}
        y, what = case.model(inputs, output)(x), f"{inputs} to {output}: output"
        assert tuple(y.shape) == SHAPES[output], f"{what} is {y.shape}; wanted {SHAPES[output]}"
        assert keras.backend.standardize_dtype(y.dtype) == "float32", f"{what} is {y.dtype}"
        assert np.isfinite(array(y)).all(), f"{what} is not finite"


@once
def check_ranges(case: FamilyCase) -> None:
    """The smallest and the largest configuration that a search can draw can be built."""
    for end in (0, -1):
        drawn = _ends(case, end)
        try:
            create_model(case.entry.name, Asked(INPUTS["tokens"], OUTPUTS["classification"]), **drawn)
        except KeraseqError as error:
            raise AssertionError(f"{drawn} is in the search ranges, but: {error}") from error


@once
def check_width(case: FamilyCase) -> None:
    """Asked for a number of parameters, the family comes to within 5 % of it."""
    asked = Asked(INPUTS["tokens"], OUTPUTS["classification"])
    settings = {key: value for key, value in case.settings.items() if key != case.family.width}
    try:
        got = count_parameters(create_model(case.entry.name, asked, parameters=PARAMETERS, **settings))
    except KeraseqError as error:
        raise AssertionError(str(error)) from error
    assert abs(got - PARAMETERS) <= 0.05 * PARAMETERS, f"asked for {PARAMETERS} parameters, got {got}"


def check_seeds(case: FamilyCase) -> None:
    """The same seed gives the same weights, another one others; 0 is a seed."""
    made = [case.model("tokens", "classification"), *(case.create("tokens", "classification", s) for s in (0, 1))]
    first, again, other = ([array(weight) for weight in model.weights] for model in made)
    assert all(map(np.array_equal, first, again)), "seed=0 twice gave different weights"
    assert not all(map(np.array_equal, first, other)), "seed=0 and seed=1 gave the same weights"


def check_saving(case: FamilyCase) -> None:
    """After saving and loading the model gives the same, with a mask that comes as data or from tokens."""
    layers.import_all()
    for inputs in ("features", "tokens"):
        model, x = case.model(inputs, "classification"), example(inputs)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.save(path)
            loaded = keras.saving.load_model(path)
        assert_same(array(loaded(x)), array(model(x)), "after saving and loading, outputs", 1e-5)


def check_learns(case: FamilyCase) -> None:
    """A small model learns eight short sequences by heart; at the defaults it is trained by XLA."""
    asked = Asked(INPUTS["tokens"], OUTPUTS["classification"])
    least = {f.name: f.range.low for f in fields(type(case.family)) if isinstance(f.range, Int)}
    small = {**least, "dropout": 0.0, case.family.width: 16, **case.settings}
    model = create_model(case.entry.name, asked, seed=0, **small)
    random = np.random.default_rng(0)
    x, y = random.integers(1, 11, (8, TIME)), random.integers(0, 3, 8)
    model.compile(keras.optimizers.Adam(0.02), asked.output.loss(), jit_compile=not case.settings)
    for _ in range(STEPS):
        loss = float(model.train_on_batch(x, y))
        if loss < LEARNED:
            return
    raise AssertionError(f"after {STEPS} steps on eight sequences the loss is {loss:.3g}; wanted below {LEARNED}")


def _ends(case: FamilyCase, end: int) -> dict[str, Any]:
    """The smallest (0) or largest (-1) configuration that a search can draw."""
    return {f.name: _end(f.range, end) for f in fields(type(case.family)) if f.range is not None}


def _end(range_: Range, end: int) -> Any:
    ends = range_.values if isinstance(range_, Choice) else (range_.low, range_.high)
    return ends[end]
