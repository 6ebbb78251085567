"""What padding must not change, in steps and in a context."""

from __future__ import annotations

import keras
import numpy as np

from keraseq.testing.arrays import ALL_MASKS, CONTEXT_MASK, MASKS, as_array, assert_same, values
from keraseq.testing.gradients import outputs_and_gradients
from keraseq.testing.layers.case import LayerCase, valid
from keraseq.testing.suite import only_if

takes_masks = only_if(lambda case: case.takes_masks, "it refuses masks")
has_context = only_if(lambda case: case.two_inputs, "it has no context")
PLACES = np.repeat(list(MASKS), [len(rows) for rows in MASKS.values()])  # the kind of padding of each row of ALL_MASKS


@takes_masks
def check_padding(case: LayerCase) -> None:
    """What stands in left, inner and right padding changes nothing at valid steps."""
    given = case.padded()
    reference = case.output(given)
    for junk in (0.0, 1e3, 7 * values(len(ALL_MASKS), seed=9)):
        x = np.where(ALL_MASKS[..., None], given["x"], junk).astype("float32")
        y = case.output({**given, "x": x})
        for place in MASKS:
            rows = {"mask": ALL_MASKS[place == PLACES]}
            got, want = (valid(numbers[place == PLACES], rows) for numbers in (y, reference))
            assert_same(got, want, f"junk in {place} padding: outputs", 1e-4)


@takes_masks
def check_padding_length(case: LayerCase) -> None:
    """How much padding follows a row changes nothing: outputs and gradients are those of the row cut short."""
    given = case.given(mask=MASKS["right"])
    y, gradients = outputs_and_gradients(case.layer, given)
    for row, length in enumerate(MASKS["right"].sum(axis=1)):
        cut = {name: value[row : row + 1] for name, value in given.items() if name != "mask"}
        cut["x"] = cut["x"][:, :length]
        alone, alone_gradients = outputs_and_gradients(case.layer, cut)
        kept = slice(length) if case.gives_sequence else slice(None)
        what = f"{length} steps with padding behind them, or without:"
        assert_same(as_array(y)[row, kept], as_array(alone)[0], f"{what} outputs", 1e-4)
        got, want = as_array(gradients["x"])[row, :length], as_array(alone_gradients["x"])[0]
        assert_same(got, want, f"{what} gradients of x", 1e-3)


@takes_masks
def check_all_padding(case: LayerCase) -> None:
    """A row that is all padding gives finite outputs and gradients, and leaves the others alone."""
    given = case.given(mask=MASKS["right"])
    before = case.output(given)
    empty = MASKS["right"].copy()
    empty[1] = False
    given["mask"] = empty
    after = case.output(given)
    assert np.isfinite(after).all(), "a row that is all padding gave numbers that are not finite"
    assert_same(after[[0, 2]], before[[0, 2]], "a row that is all padding: outputs of other rows", 1e-5)
    case.finite_gradients(given, "a row that is all padding")
    with case.at_start():
        case.finite_gradients(given, "a row that is all padding, initial weights")


@takes_masks
def check_mask_passed(case: LayerCase) -> None:
    """A layer that gives a sequence passes the mask on as it came; one that gives a vector does not."""
    inputs, y = case.symbolic(case.create(), masked=True)
    passed = getattr(y, "_keras_mask", None)
    assert (passed is not None) == (len(y.shape) > 2), (
        f"output {y.shape} {'has' if passed is not None else 'lost'} its mask"
    )
    if passed is None:
        return
    came = keras.Model(inputs, passed)([case.given()["x"], MASKS["inner"], *_context(case)])
    assert np.array_equal(as_array(came) > 0, MASKS["inner"]), "the mask that is passed on is not the one that came"


@has_context
def check_context(case: LayerCase) -> None:
    """A context may have any length, and what the layer gives depends on it."""
    given = case.given()
    reference = case.output(given)
    changed = case.output({**given, "context": given["context"] + 1})
    assert np.abs(changed - reference).max() > 1e-6, "another context changes nothing"
    for time in (1, 2, 11):
        context = values(len(given["x"]), time, given["context"].shape[-1], seed=time)
        y = case.output({**given, "context": context})
        assert y.shape == reference.shape, f"a context of {time} steps gave {y.shape}; wanted {reference.shape}"
        assert np.isfinite(y).all(), f"a context of {time} steps gave numbers that are not finite"


@has_context
def check_context_padding(case: LayerCase) -> None:
    """What stands in the padding of a context changes nothing, and a context that is all padding is finite."""
    given = {**case.given(), "context_mask": CONTEXT_MASK}
    reference = case.output(given)
    for junk in (0.0, 1e3):
        context = np.where(CONTEXT_MASK[..., None], given["context"], junk).astype("float32")
        y = case.output({**given, "context": context})
        assert_same(y, reference, "junk in the padding of the context: outputs", 1e-4)
    shorter = {**case.given(), "context": given["context"][:, :2]}
    cut = {**given, "context_mask": np.arange(CONTEXT_MASK.shape[1])[None] < np.full((len(CONTEXT_MASK), 1), 2)}
    assert_same(case.output(cut), case.output(shorter), "a context cut short, or masked: outputs", 1e-4)
    empty = {**given, "context_mask": np.zeros_like(CONTEXT_MASK)}
    case.finite_gradients(empty, "a context that is all padding")


def _context(case: LayerCase) -> list[np.ndarray]:
    return [case.given()["context"], CONTEXT_MASK] if case.two_inputs else []
