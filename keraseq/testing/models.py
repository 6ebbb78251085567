"""What every model family must do: one small function a check.

A check takes the name of a family and settings, and raises AssertionError.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keraseq import layers
from keraseq.config import Choice, Range, configure, fields, settings_of
from keraseq.errors import KeraseqError
from keraseq.models import (
    Classification,
    Features,
    Inputs,
    Output,
    Regression,
    Tokens,
    count_parameters,
    create_model,
)
from keraseq.registry import models

BATCH, TIME = 4, 8

INPUTS: dict[str, Inputs] = {
    "tokens": Tokens(11),
    "features": Features(3, mean=(0.0, 0.5, 1.0), deviation=(1.0, 2.0, 0.5)),
    "fixed": Features(1, length=TIME),
}
OUTPUTS: dict[str, Output] = {"classification": Classification(("a", "b", "c")), "regression": Regression(2)}


@dataclass(frozen=True)
class Asked:
    """The part of a task that a model depends on."""

    inputs: Inputs
    output: Output


CLASSIFY_TOKENS = Asked(INPUTS["tokens"], OUTPUTS["classification"])


def check_model(name: str, **settings: Any) -> None:
    """Runs every check of `MODEL_CHECKS`.

    Args:
        name: a registered family.
        settings: fields that differ from the defaults in all checks but that of the search ranges.

    Raises:
        AssertionError: the family fails a check; the message names it.
    """
    for check in MODEL_CHECKS:
        try:
            check(name, settings)
        except AssertionError as error:
            raise AssertionError(f"{check.__name__}: {error}") from error


def check_fields(name: str, settings: dict[str, Any]) -> None:
    """Every field has a meaning and a default, the width has a range, and the configuration survives as plain data."""
    cls = models.get(name)
    known = {field.name: field for field in fields(cls)}
    assert known[cls.width].range is not None, f"the width, {cls.width}, has no search range"
    for field in known.values():
        assert field.meaning, f"{field.name} does not say what it means"
    family = configure(cls, settings, name)
    again = configure(cls, settings_of(family), name)
    assert again == family, f"{family} came back as {again}"


def check_every_task(name: str, settings: dict[str, Any]) -> None:
    """Every kind of input with every kind of output gives finite float32 of the right shape, a padded row included."""
    for kind, inputs in INPUTS.items():
        for output in OUTPUTS.values():
            model = create_model(name, Asked(inputs, output), seed=0, **settings)
            size = 3 if isinstance(output, Classification) else 2
            y = model(_example(inputs, padded_row=True))
            assert tuple(y.shape) == (BATCH, size), f"{kind}: output is {y.shape}; wanted {(BATCH, size)}"
            assert keras.backend.standardize_dtype(y.dtype) == "float32", f"{kind}: output is {y.dtype}"
            assert np.isfinite(_array(y)).all(), f"{kind}: outputs are not finite"


def check_ranges(name: str, settings: dict[str, Any]) -> None:
    """The smallest and the largest configuration that a search can draw can be built."""
    for end in (0, -1):
        drawn = {f.name: _end(f.range, end) for f in fields(models.get(name)) if f.range is not None}
        try:
            create_model(name, CLASSIFY_TOKENS, **drawn)
        except KeraseqError as error:
            raise AssertionError(f"{drawn} is in the search ranges, but: {error}") from error


def check_width(name: str, settings: dict[str, Any]) -> None:
    """Asked for a number of parameters, the family comes to within 5 % of it."""
    width = models.get(name).width
    settings = {key: value for key, value in settings.items() if key != width}
    for parameters in (12_000, 60_000):
        try:
            got = count_parameters(create_model(name, CLASSIFY_TOKENS, parameters=parameters, **settings))
        except KeraseqError as error:
            raise AssertionError(str(error)) from error
        assert abs(got - parameters) <= 0.05 * parameters, f"asked for {parameters} parameters, got {got}"


def check_seeds(name: str, settings: dict[str, Any]) -> None:
    """The same seed gives the same weights, another one others; 0 is a seed."""
    first, again, other = (
        [_array(w) for w in create_model(name, CLASSIFY_TOKENS, seed=seed, **settings).weights] for seed in (0, 0, 1)
    )
    assert all(map(np.array_equal, first, again)), "seed=0 twice gave different weights"
    assert not all(map(np.array_equal, first, other)), "seed=0 and seed=1 gave the same weights"


def check_padding(name: str, settings: dict[str, Any]) -> None:
    """What stands in padding changes nothing, nor does more padding at the end."""
    model = create_model(name, Asked(INPUTS["features"], OUTPUTS["regression"]), seed=0, **settings)
    x = _example(INPUTS["features"])
    reference = _array(model(x))
    x["values"] = np.where(x["mask"][..., None], x["values"], 1e3).astype("float32")
    _assert_same(_array(model(x)), reference, "junk in padding: outputs")
    longer = {
        "values": np.pad(x["values"], ((0, 0), (0, 3), (0, 0)), constant_values=-7),
        "mask": np.pad(x["mask"], ((0, 0), (0, 3))),
    }
    _assert_same(_array(model(longer)), reference, "more padding at the end: outputs")
    model = create_model(name, CLASSIFY_TOKENS, seed=0, **settings)
    tokens = _example(INPUTS["tokens"])
    _assert_same(_array(model(np.pad(tokens, ((0, 0), (0, 3))))), _array(model(tokens)), "padded tokens: outputs")


def check_causality(name: str, settings: dict[str, Any]) -> None:
    """The backbone of the default configuration looks ahead if and only if it is not tagged causal."""
    entry = models.entry(name)
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, entry.component().backbone(inputs))
    x = np.random.default_rng(0).normal(size=(1, TIME, 3)).astype("float32")
    changed = x.copy()
    changed[:, TIME // 2 :] += 1
    ahead = np.abs(_array(model(x)) - _array(model(changed)))[:, : TIME // 2].max() > 1e-5
    if "causal" in entry.tags:
        assert not ahead, "tagged causal, but early steps depend on late ones"
    elif "baseline" not in entry.tags:
        assert ahead, "not tagged causal, but no step depends on a later one; tag it"


def check_saving(name: str, settings: dict[str, Any]) -> None:
    """After saving and loading the model gives the same, with a mask that comes as data or from tokens."""
    layers.import_all()
    for inputs in (INPUTS["features"], INPUTS["tokens"]):
        model = create_model(name, Asked(inputs, OUTPUTS["classification"]), seed=0, **settings)
        x = _example(inputs)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.save(path)
            loaded = keras.saving.load_model(path)
        _assert_same(_array(loaded(x)), _array(model(x)), "after saving and loading, outputs")


def check_learns(name: str, settings: dict[str, Any]) -> None:
    """A small model, trained by XLA, learns eight short sequences by heart."""
    cls = models.get(name)
    small = {f.name: _end(f.range, 0) for f in fields(cls) if f.range is not None}
    model = create_model(name, CLASSIFY_TOKENS, seed=0, **{**small, "dropout": 0.0, cls.width: 16, **settings})
    rng = np.random.default_rng(0)
    x, y = rng.integers(1, 11, (8, TIME)), rng.integers(0, 3, 8)
    model.compile(keras.optimizers.Adam(0.02), CLASSIFY_TOKENS.output.loss(), jit_compile=True)
    for _ in range(100):
        loss = float(model.train_on_batch(x, y))
    assert loss < 0.1, f"after 100 steps on eight sequences the loss is {loss:.3g}; wanted below 0.1"


MODEL_CHECKS: tuple[Callable[[str, dict[str, Any]], None], ...] = (
    check_fields,
    check_every_task,
    check_ranges,
    check_width,
    check_seeds,
    check_padding,
    check_causality,
    check_saving,
    check_learns,
)


def _example(inputs: Inputs, padded_row: bool = False) -> Any:
    """A batch with right padding, where the inputs know padding."""
    rng = np.random.default_rng(3)
    mask = np.arange(TIME) < np.array([[TIME], [3], [1], [5]])
    if padded_row:
        mask[2] = False
    if isinstance(inputs, Tokens):
        return np.where(mask, rng.integers(1, inputs.vocabulary_size, (BATCH, TIME)), 0)
    values = rng.normal(size=(BATCH, TIME, inputs.size)).astype("float32")
    return values if inputs.length else {"values": values, "mask": mask}


def _end(range_: Range, end: int) -> Any:
    ends = range_.values if isinstance(range_, Choice) else (range_.low, range_.high)
    return ends[end]


def _array(x: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def _assert_same(got: np.ndarray, want: np.ndarray, what: str) -> None:
    worst = float(np.abs(got - want).max())
    assert worst < 1e-4, f"{what} differ by {worst:.3g}"
