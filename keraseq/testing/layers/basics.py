"""What a layer is before any numbers: shapes, configuration, saving, and nothing kept between calls."""

from __future__ import annotations

import inspect
import tempfile
from pathlib import Path

import keras
import numpy as np

from keraseq.testing.arrays import BATCH, MASKS, TIME, as_array, assert_same
from keraseq.testing.gradients import call, output
from keraseq.testing.layers.case import LayerCase


def check_shapes(case: LayerCase) -> None:
    """Shapes and types with unknown batch and time agree with those of arrays; shapes with those computed."""
    layer = case.create()
    _, symbolic = case.symbolic(layer, masked=False)
    for batch, time in ((BATCH, TIME), (2, 1)):
        given = case.given(batch, time)
        y = output(layer, given)
        shape, dtype = tuple(y.shape), keras.backend.standardize_dtype(y.dtype)
        computed = tuple(layer.compute_output_shape(*(x.shape for x in given.values())))
        assert shape == computed, f"gave {shape}, but compute_output_shape says {computed}"
        assert len(symbolic.shape) == len(shape), f"symbolic output is {symbolic.shape}, of arrays {shape}"
        for known, real in zip(symbolic.shape, shape, strict=True):
            assert known in (None, real), f"symbolic output is {symbolic.shape}, of arrays {shape}"
        wanted = layer.compute_dtype
        assert symbolic.dtype == dtype == wanted, f"symbolic {symbolic.dtype}, of arrays {dtype}; wanted {wanted}"


def check_config(case: LayerCase) -> None:
    """Every constructor argument is in the configuration, and the configuration makes the same layer again."""
    layer = case.create()
    config = layer.get_config()
    parameters = inspect.signature(type(layer).__init__).parameters.values()
    wanted = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"]
    missing = [name for name in wanted if name not in config]
    assert not missing, f"get_config lacks {', '.join(missing)}"
    for name in wanted:
        told = case.settings.get(name, getattr(layer, name, config[name]))
        plain = isinstance(told, int | float | str | None)
        assert not plain or _plain(config[name], told), f"get_config says {name}={config[name]!r}; it is {told!r}"
    again = type(layer).from_config(config).get_config()
    assert again == config, f"configuration {config} came back as {again}"


def check_saving(case: LayerCase) -> None:
    """A model with the layer gives the same after saving and loading without `custom_objects`, with its masks."""
    layer = case.create()
    masked = case.takes_masks
    inputs, y = case.symbolic(layer, masked)
    model = keras.Model(inputs, y)
    given = case.given()
    arrays = [given["x"], MASKS["right"]] if masked else [given["x"]]
    if case.two_inputs:
        arrays += [given["context"], np.ones(given["context"].shape[:2], bool)] if masked else [given["context"]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        loaded = keras.saving.load_model(path)
    assert_same(as_array(loaded(arrays)), as_array(model(arrays)), "after saving and loading, outputs", 1e-6)


def check_deterministic(case: LayerCase) -> None:
    """The same input gives the same output, whatever was seen in between."""
    layer = case.layer
    first = as_array(call(layer, case.given()))
    call(layer, case.given(seed=5))
    assert_same(as_array(call(layer, case.given())), first, "called again: outputs", 0)


def check_rows_independent(case: LayerCase) -> None:
    """No row of a batch depends on another, in training neither where that is deterministic."""
    given = case.given()
    others = {name: np.concatenate([value[:1], 3 * value[1:] + 1]) for name, value in given.items()}
    alone = {name: value[:1] for name, value in given.items()}
    for training in (False, True):
        together = case.output(given, training)
        if training and not np.array_equal(together, case.output(given, training)):
            return
        where = f"(training={training}): outputs of a row"
        assert_same(case.output(others, training)[:1], together[:1], f"other rows changed {where}", 1e-5)
        assert_same(case.output(alone, training), together[:1], f"alone in its batch {where}", 1e-4)


def _plain(config: object, told: object) -> bool:
    """Whether a configuration tells a setting, or something of that name, as an initializer."""
    if isinstance(config, dict) and isinstance(told, str):
        return str(config.get("class_name")).lower() == told.replace("_", "").lower()
    return config == told
