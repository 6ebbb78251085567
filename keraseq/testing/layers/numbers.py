"""Lengths, gradients, compilers and half precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from keraseq.errors import UsageError
from keraseq.testing.arrays import MASKS, as_array, assert_same, distance
from keraseq.testing.gradients import Given, call, fast, output, outputs_and_gradients
from keraseq.testing.layers.case import LayerCase, valid
from keraseq.testing.layers.steps import context_of, run_by_steps

LONG, LAST = 300, 30  # bfloat16 cannot count so far: it stops at 256
NO_GRADIENT = 1e-7
"""A weight whose gradients are all smaller than this, where others are about 1, takes no part."""

HALF = {"mixed_bfloat16": 0.05, "mixed_float16": 0.01}
"""Policy → most that outputs may be away from those in full precision, relative to their length."""
HALF_STEPS = 0.03
"""Most that single steps in half precision may be away from one call in it."""
HALF_GRADIENTS = {"mixed_bfloat16": 0.2, "mixed_float16": 0.05}


def check_lengths(case: LayerCase) -> None:
    """Sequences of 1, 2 and 300 steps are sequences, with gradients; a causal layer starts them alike."""
    try:
        given = case.given(2, LONG)
        long = case.output(given)
    except UsageError:  # of a layer that says which lengths it takes
        given = case.given(2)
        long = case.output(given)
    assert np.isfinite(long).all(), "outputs of a long sequence are not finite"
    for time in (1, 2):
        y = case.output({**given, "x": given["x"][:, :time]})
        assert np.isfinite(y).all(), f"outputs of {time} steps are not finite"
        if case.gives_sequence and case.causal:
            assert_same(y, long[:, :time], f"{time} steps alone, or of a long sequence: outputs", 1e-4)
    case.finite_gradients(case.given(2, 1), "a single step")


def check_gradients(case: LayerCase) -> None:
    """Every weight and input has a finite gradient, also on zeros, ones and 1e3, and on ordinary inputs one above 0."""
    given = case.given()
    shapes = {name: x.shape for name, x in given.items()}
    with case.at_start():
        for name, value in {"zeros": 0.0, "ones": 1.0, "1e3": 1e3}.items():
            inputs = {key: np.full(shape, value, "float32") for key, shape in shapes.items()}
            case.finite_gradients(inputs, f"inputs {name}")
    gradients = case.finite_gradients(given, "ordinary inputs")
    for name, gradient in gradients.items():
        largest = np.abs(gradient).max(initial=0)
        assert largest > NO_GRADIENT, f"ordinary inputs: the gradient of {name} is zero ({largest:.1g})"


def check_compiled(case: LayerCase) -> None:
    """In a graph with unknown batch and time, and compiled by XLA, outputs and gradients are as eagerly."""
    given = case.given(mask=MASKS["inner"] if case.takes_masks else None)
    if keras.backend.backend() == "jax":  # which differentiates and compiles the same program
        eager = as_array(call(case.layer, given))
        assert_same(valid(case.output(given), given), valid(eager, given), "compiled: outputs", 1e-3)
        return
    expected = tree.flatten(outputs_and_gradients(case.layer, given))
    for how, numbers in _compiled_by_tensorflow(case.layer, given):
        for got, want in zip(tree.flatten(numbers), expected, strict=True):
            assert_same(as_array(got), as_array(want), f"compiled ({how}): numbers", 1e-3)


def check_mixed_precision(case: LayerCase) -> None:
    """With half precision outputs have its type, and outputs and gradients are near those in full, also far on."""
    given = case.given(mask=MASKS["inner"] if case.takes_masks else None)
    want, want_gradients = outputs_and_gradients(case.layer, given)
    floor = 0.05 * max(float(np.linalg.norm(as_array(gradient))) for gradient in want_gradients.values())
    halved = {policy: _in_precision(case, policy) for policy in HALF}
    for policy, layer in halved.items():
        y, gradients = outputs_and_gradients(layer, given)
        wanted, got = policy.removeprefix("mixed_"), keras.backend.standardize_dtype(y.dtype)
        assert got == wanted, f"{policy}: output is {got}"
        _assert_near(as_array(y), as_array(want), f"{policy}: outputs", HALF[policy])
        for (name, gradient), exact in zip(gradients.items(), want_gradients.values(), strict=True):
            what = f"{policy}: gradients of {name}"
            _assert_near(as_array(gradient), as_array(exact), what, HALF_GRADIENTS[policy], floor)
        _assert_state_keeps_type(case, layer)
    try:
        given = case.given(1, LONG)
        long = case.output(given)
    except UsageError:  # of a layer that says which lengths it takes
        return
    y = as_array(output(halved["mixed_bfloat16"], given))
    _assert_near(y, long, f"mixed_bfloat16, {LONG} steps: outputs", HALF["mixed_bfloat16"])
    if _steps(case, halved["mixed_bfloat16"]):
        by_steps = run_by_steps(halved["mixed_bfloat16"], given, y, xla=False)
        what = f"mixed_bfloat16, {LONG} single steps: the last outputs"
        _assert_near(by_steps[:, -LAST:], y[:, -LAST:], what, HALF_STEPS)


def _compiled_by_tensorflow(layer: keras.Layer, given: Given) -> Iterator[tuple[str, Any]]:
    """Outputs and gradients from a graph, and from XLA."""
    import tensorflow as tf

    signature = {
        name: tf.TensorSpec((None, None, *value.shape[2:]), tf.as_dtype(value.dtype)) for name, value in given.items()
    }
    tensors = {name: tf.convert_to_tensor(value) for name, value in given.items()}
    for how, xla in {"graph": False, "XLA": True}.items():
        run = tf.function(lambda now: outputs_and_gradients(layer, now), [signature], jit_compile=xla)
        yield how, run.get_concrete_function()(tensors)


def _in_precision(case: LayerCase, policy: str) -> keras.Layer:
    """The same layer, with the same weights, made under another policy."""
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        layer = case.create()
    finally:
        keras.config.set_dtype_policy(previous)
    case.symbolic(layer, masked=False)
    layer.set_weights(case.layer.get_weights())
    return layer


def _assert_near(got: np.ndarray, want: np.ndarray, what: str, tolerance: float, floor: float = 0.0) -> None:
    assert np.isfinite(got).all(), f"{what} are not finite"
    away = distance(got, want, floor)
    assert away <= tolerance, f"{what} are {away:.3g} of their length away; wanted at most {tolerance}"


def _steps(case: LayerCase, layer: keras.Layer) -> bool:
    return case.causal and case.gives_sequence and hasattr(layer, "initial_state")


def _assert_state_keeps_type(case: LayerCase, layer: keras.Layer) -> None:
    """The state after some steps has the types of the state before."""
    if not _steps(case, layer):
        return
    given = case.given()
    before = layer.initial_state(len(given["x"]), **context_of(given))
    _, after = fast(layer.stream)(ops.convert_to_tensor(given["x"]), before)
    types = [[keras.backend.standardize_dtype(part.dtype) for part in tree.flatten(state)] for state in (before, after)]
    assert types[0] == types[1], f"{layer.compute_dtype}: the state has types {types[0]}, then {types[1]}"
