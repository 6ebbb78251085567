"""Who may look ahead, and running step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from keraseq.errors import UsageError
from keraseq.testing.arrays import ALL_MASKS, BATCH, FEATURES, TIME, as_array, assert_same, pieces, values
from keraseq.testing.gradients import fast
from keraseq.testing.layers.case import LayerCase
from keraseq.testing.layers.steps import context_of, run_by_steps
from keraseq.testing.suite import only_if

STEPPING = 1e-5
"""Most that running step by step may differ from calling, in float32."""

gives_sequence = only_if(lambda case: case.gives_sequence, "it gives vectors")
runs_by_step = only_if(
    lambda case: case.causal and case.gives_sequence,
    "it gives vectors, or steps depend on later ones",
)


@gives_sequence
def check_causality(case: LayerCase) -> None:
    """A layer that is causal, by its attribute or tag, never looks ahead; one that is not does, and does not step."""
    changed = _influence(case)  # (changed step, seen at step)
    ahead = np.tril(changed, -1)
    at, seen = np.unravel_index(ahead.argmax(), ahead.shape)
    if case.causal:
        assert ahead.max() < 1e-5, f"causal, but step {seen} changed by {ahead.max():.3g} with the later step {at}"
        return
    assert ahead.max() > 1e-5, "not causal, but no step depends on a later one; tag it"
    if hasattr(case.layer, "initial_state"):
        try:
            case.layer.initial_state(BATCH)
        except UsageError:
            return
        raise AssertionError("not causal, but initial_state does not refuse")


@runs_by_step
def check_stepping(case: LayerCase) -> None:
    """Step by step, and in pieces of any lengths with padding in them, gives what one call gives."""
    case.measured["stepping"] = max(case.measured.get("stepping", 0.0), *_differences(case))


@runs_by_step
def check_compiled_steps(case: LayerCase) -> None:
    """With `max_length` the state keeps its shape, so that a compiled loop over steps gives what one call gives."""
    layer, given = _streaming(case), case.given()
    want = case.output(given)
    first = layer.initial_state(BATCH, TIME, **context_of(given))
    _, state = layer.step(given["x"][:, 0], first)
    assert_same_state(state, first, "with max_length, a step")
    y = run_by_steps(layer, given, want, xla=True)
    assert_same(y, want, "a compiled loop over steps: outputs", STEPPING)


def assert_same_state(after: Any, before: Any, what: str, shapes: bool = True) -> None:
    """Raises AssertionError where two states differ in structure, types, or shapes."""
    try:
        tree.assert_same_structure(after, before)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} changed the structure of the state: {error}") from error
    for now, then in zip(tree.flatten(after), tree.flatten(before), strict=True):
        types = [keras.backend.standardize_dtype(part.dtype) for part in (now, then)]
        assert types[0] == types[1], f"{what} changed a type in the state from {types[1]} to {types[0]}"
        same = tuple(now.shape) == tuple(then.shape)
        assert same or not shapes, f"{what} changed a shape in the state from {then.shape} to {now.shape}"


def _influence(case: LayerCase) -> np.ndarray:
    """How much each step (second axis) changes with what stands at each step (first axis), or with its being valid."""
    given = {name: np.repeat(value[:1], TIME, axis=0) for name, value in case.given().items()}
    changed = [{**given, "x": given["x"] + np.eye(TIME, dtype="float32")[..., None] * _push()}]
    if case.takes_masks:
        changed.append({**given, "mask": ~np.eye(TIME, dtype=bool)})
    before = case.output(given)
    different = [np.abs(case.output(other) - before) for other in changed]
    return np.max(different, axis=0).reshape(TIME, TIME, -1).max(axis=-1)


def _push() -> np.ndarray:
    """What is added to a step, `(1, 1, FEATURES)`."""
    return 1 + values(1, 1, FEATURES, seed=7) ** 2


def _differences(case: LayerCase) -> Iterator[float]:
    """How far several ways through a sequence are from one call."""
    layer, plain, padded = _streaming(case), case.given(), case.padded()
    stream, step = fast(layer.stream), fast(layer.step)
    ways = {
        "step by step": (plain, [1, 1, 1, TIME - 3], None),
        "step by step with max_length": (padded, [1] * TIME, TIME),
        "in pieces": (padded, pieces(TIME, seed=1), None),
        "in pieces with max_length": (plain, pieces(TIME, seed=2), TIME + 3),
    }
    for how, (given, sizes, max_length) in ways.items():
        want = case.output(given)
        state = layer.initial_state(len(given["x"]), max_length, **context_of(given))
        parts, start = [], 0
        for size in sizes:
            steps = slice(start, start + size)
            mask = given["mask"][:, steps] if "mask" in given else None
            x = ops.convert_to_tensor(given["x"][:, steps])
            if mask is None and size == 1:
                y, after = step(x[:, 0], state)
                y = ops.expand_dims(y, 1)
            else:
                y, after = stream(x, state, mask)
            assert_same_state(after, state, how, shapes=max_length is not None)
            parts.append(as_array(y))
            state, start = after, start + size
        y = np.concatenate(parts, axis=1)
        kept = ALL_MASKS if "mask" in given else np.ones(want.shape[:2], bool)
        yield assert_same(y[kept], want[kept], f"{how}: outputs", STEPPING)


def _streaming(case: LayerCase) -> Any:
    lacking = [name for name in ("initial_state", "stream", "step") if not hasattr(case.layer, name)]
    assert not lacking, f"causal, but it has no {', '.join(lacking)}: see keraseq.layers.streaming"
    return case.layer
