"""Padding, who may look ahead, decoding, and running step by step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keraseq.inference.stepwise import Stepwise
from keraseq.layers.masking import AttachMask
from keraseq.models.attend import Attend
from keraseq.models.family import Family
from keraseq.testing.arrays import assert_same, move, pieces, values
from keraseq.testing.gradients import fast
from keraseq.testing.layers.time import STEPPING, assert_same_state
from keraseq.testing.models.case import BATCH, FEATURES, PADDING, TIME, FamilyCase, array, backbone, example
from keraseq.testing.suite import only_if

can_be_causal = only_if(lambda case: case.causal is not None, "it cannot be causal")


def check_padding(case: FamilyCase) -> None:
    """What stands in padding changes nothing, nor does more padding at the end."""
    model, x = case.model("features", "classification"), example("features")
    reference = array(model(x))
    scattered = {**x, "mask": _scattered()}
    for given, where in ((x, "padding"), (scattered, "left, inner and right padding")):
        wanted = array(model(given))
        junk = np.where(given["mask"][..., None], given["values"], 1e3).astype("float32")
        assert_same(array(model({**given, "values": junk})), wanted, f"junk in {where}: outputs", 1e-4)
    longer = {
        "values": np.pad(x["values"], ((0, 0), (0, 3), (0, 0)), constant_values=-7),
        "mask": np.pad(x["mask"], ((0, 0), (0, 3))),
    }
    assert_same(array(model(longer)), reference, "more padding at the end: outputs", 1e-4)
    model, tokens = case.model("tokens", "classification"), example("tokens")
    padded = np.pad(tokens, ((0, 0), (0, 3)))
    assert_same(array(model(padded)), array(model(tokens)), "padded tokens: outputs", 1e-4)


def check_causality(case: FamilyCase) -> None:
    """The backbone looks ahead if and only if the configuration says so, and at its defaults as the tags say."""
    _check_direction(case.family)
    if not case.settings:
        tagged = "causal" in case.entry.tags
        assert case.family.is_causal() == tagged, f"is_causal() is {not tagged} at the defaults, and the tags differ"


def check_directed(case: FamilyCase) -> None:
    """The family as part of an encoder, and as a decoder where it can be one, has the direction asked for."""
    if case.causal is None:
        assert not case.family.is_causal(), "it is causal, but directed(causal=True) refuses"
    else:
        assert case.causal.is_causal(), f"directed(causal=True) gave {case.causal}, which is not causal"
        _check_direction(case.causal)
        assert case.causal.directed(causal=True) == case.causal, "directed(causal=True) twice differs from once"
    around = case.family.directed(causal=False)
    if around not in (case.family, case.causal):
        assert not around.is_causal(), f"directed(causal=False) gave {around}, which is causal"
        _check_direction(around)


@can_be_causal
def check_stepping(case: FamilyCase) -> None:
    """Step by step, and in pieces with padding in them, the causal backbone gives what one call gives."""
    assert case.causal is not None
    model = backbone(case.causal)
    stepwise = Stepwise(model)
    given = {"values": values(BATCH, TIME, FEATURES), "mask": _scattered()}
    _check_pieces(case, stepwise, given, array(model(given)))


@can_be_causal
def check_decoder(case: FamilyCase) -> None:
    """With attention to a context, steps read all of it, never look ahead, and run in pieces too."""
    assert case.causal is not None
    keras.utils.set_random_seed(0)
    x, context = keras.Input((None, FEATURES)), keras.Input((None, 5), name="context")
    model = keras.Model([x, context], case.causal.backbone(x, Attend(context)))
    move(model.trainable_weights)
    steps, read = values(BATCH, TIME, FEATURES), values(BATCH, 6, 5, seed=1)
    want = array(model([steps, read]))
    changed = array(model([steps, np.concatenate([read[:, :-1], read[:, -1:] + 3], axis=1)]))
    assert np.abs(changed - want).max(axis=(0, 2)).min() > 1e-6, "some step does not read the last step of the context"
    later = array(model([_later(steps), read]))
    assert_same(later[:, : TIME // 2], want[:, : TIME // 2], "early steps of the decoder depend on late ones:", 1e-5)
    _check_pieces(case, Stepwise(model), steps, want, context=read)
    _check_context_padding(case.causal, model.get_weights(), steps, read)


def _check_context_padding(family: Family, weights: list[np.ndarray], steps: np.ndarray, read: np.ndarray) -> None:
    """Raises AssertionError where what stands in the padding of a context changes what a decoder gives."""
    x, context = keras.Input((None, FEATURES)), keras.Input((None, read.shape[-1]))
    mask = keras.Input((None,), dtype="bool")
    model = keras.Model([x, context, mask], family.backbone(x, Attend(AttachMask()([context, mask]))))
    model.set_weights(weights)
    valid = np.arange(read.shape[1]) % 3 != np.arange(BATCH)[:, None] % 3
    want = array(model([steps, read, valid]))
    junk = np.where(valid[..., None], read, 1e3).astype("float32")
    assert_same(array(model([steps, junk, valid])), want, "junk in the padding of a context: outputs", 1e-4)


def _check_pieces(case: FamilyCase, stepwise: Stepwise, given: Any, want: np.ndarray, **context: Any) -> None:
    """Runs `given`, arrays with time second, by single steps and by pieces, and notes the largest difference."""
    stream = fast(stepwise.stream)
    for how, sizes, max_length in (("step by step", [1] * TIME, TIME), ("in pieces", pieces(TIME, seed=1), None)):
        state = stepwise.initial_state(BATCH, max_length, **context)
        parts, start = [], 0
        for size in sizes:
            piece = keras.tree.map_structure(lambda part, at=start, n=size: part[:, at : at + n], given)
            y, after = stream(piece, state)
            assert_same_state(after, state, how, shapes=max_length is not None)
            parts.append(array(y))
            state, start = after, start + size
        y = np.concatenate(parts, axis=1)
        kept = given["mask"] if isinstance(given, dict) else np.ones(y.shape[:2], bool)
        away = assert_same(y[kept], want[kept], f"{how}: outputs", STEPPING)
        case.measured["stepping"] = max(away, case.measured.get("stepping", 0.0))


def _check_direction(family: Family) -> None:
    """Raises AssertionError unless steps of the backbone depend on later ones exactly where the family says so."""
    model = backbone(family)
    x, mask = values(1, TIME, FEATURES), np.ones((1, TIME), bool)
    before, after = (array(model({"values": steps, "mask": mask})) for steps in (x, _later(x)))
    ahead = float(np.abs(before - after)[:, : TIME // 2].max())
    if family.is_causal():
        assert ahead < 1e-5, f"{family} says it is causal, but early steps changed by {ahead:.3g} with late ones"
    else:
        assert ahead > 1e-5, f"{family} says it is not causal, but no step depends on a later one"


def _later(x: np.ndarray) -> np.ndarray:
    """`x` with other steps in its second half."""
    return np.concatenate([x[:, : TIME // 2], 1 - x[:, TIME // 2 :]], axis=1)


def _scattered() -> np.ndarray:
    """A mask with right, left and inner padding, `(BATCH, TIME)`."""
    return np.stack([PADDING[0], PADDING[3], PADDING[3][::-1], np.arange(TIME) % 3 != 1])
