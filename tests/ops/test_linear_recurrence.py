"""The parallel scan against a loop over time, in NumPy, and its gradient against the one of that loop."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keraseq.ops.linear_recurrence import linear_recurrence

BATCH, SIZES = 3, (2, 3)
TIMES = (1, 2, 3, 7, 16, 17)

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compiles as TensorFlow does")


def arguments(kind, time, seed=0):
    """a, b and h0, float64 or complex128; some |a| are above 1."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        real = rng.normal(size=shape)
        return real + 1j * rng.normal(size=shape) if kind == "complex" else real

    return 0.5 * normal(BATCH, time, *SIZES), normal(BATCH, time, *SIZES), normal(BATCH, *SIZES)


def random_mask(time):
    return np.random.default_rng(1).random((BATCH, time)) > 0.4


def loop(a, b, h, mask):
    states = np.zeros_like(b)
    for row, t in itertools.product(range(len(b)), range(b.shape[1])):
        before = states[row, t - 1] if t else h[row]
        states[row, t] = a[row, t] * before + b[row, t] if mask[row, t] else before
    return states


def tensors(*arrays):
    """Real tensors, or pairs for complex arrays."""
    return tuple(
        tuple(ops.convert_to_tensor(part.astype("float32")) for part in (array.real, array.imag))
        if np.iscomplexobj(array)
        else ops.convert_to_tensor(array.astype("float32"))
        for array in arrays
    )


def array(x):
    if isinstance(x, tuple):
        return array(x[0]) + 1j * array(x[1])
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("time", TIMES)
def test_matches_a_loop(kind, masked, time) -> None:
    a, b, h0 = arguments(kind, time)
    mask = random_mask(time) if masked else np.ones((BATCH, time), bool)
    expected = loop(a, b, h0, mask)
    # Where the mask says padding, not even NaN may be looked at.
    a, b = (np.where(mask[..., None, None], x, np.nan) for x in (a, b))
    h, last = linear_recurrence(*tensors(a, b, h0), mask=mask if masked else None)
    np.testing.assert_allclose(array(h), expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_array_equal(array(last), array(h)[:, -1])


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_starts_at_zero_by_default(kind) -> None:
    a, b, h0 = arguments(kind, 5)
    h, _ = linear_recurrence(*tensors(a, b))
    np.testing.assert_array_equal(array(h), array(linear_recurrence(*tensors(a, b, 0 * h0))[0]))


def gradients(function, arguments):
    """Gradients of a function that gives one number, in the structure of its arguments."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function, argnums=tuple(range(len(arguments))))(*arguments)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(arguments)
        loss = function(*arguments)
    return tape.gradient(loss, arguments)


def loss_of(states, last):
    """A number in which every part of every state has a weight of its own."""
    parts = [*keras.tree.flatten(states), *keras.tree.flatten(last)]
    return sum(ops.sum(ops.sin(part * (1 + i))) for i, part in enumerate(parts))


def looped(a, b, h, mask):
    """The loop in the backend's own operations, for its own gradients."""
    states = []
    for t in range(mask.shape[1]):
        valid = mask[:, t, None, None]
        if isinstance(b, tuple):
            ar, ai, br, bi = (part[:, t] for part in (*a, *b))
            new = (ar * h[0] - ai * h[1] + br, ar * h[1] + ai * h[0] + bi)
            h = tuple(ops.where(valid, x, y) for x, y in zip(new, h, strict=True))
        else:
            h = ops.where(valid, a[:, t] * h + b[:, t], h)
        states.append(h)
    joined = keras.tree.map_structure(lambda *parts: ops.stack(parts, axis=1), *states)
    return joined, h


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("time", TIMES)
def test_gradients_match_those_of_a_loop(kind, masked, time) -> None:
    given = tensors(*arguments(kind, time))
    mask = random_mask(time) if masked else np.ones((BATCH, time), bool)
    got = gradients(lambda *given: loss_of(*linear_recurrence(*given, mask=mask if masked else None)), given)
    want = gradients(lambda *given: loss_of(*looped(*given, mask)), given)
    for one, other in zip(keras.tree.flatten(got), keras.tree.flatten(want), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), ops.convert_to_numpy(other), atol=1e-4, rtol=1e-4)


@on_tensorflow
@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("xla", [False, True])
def test_unknown_shapes_and_xla(kind, xla) -> None:
    import tensorflow as tf

    def run(a, b, h0, mask):
        with tf.GradientTape() as tape:
            tape.watch((a, b, h0))
            h, last = linear_recurrence(a, b, h0, mask)
            loss = loss_of(h, last)
        return h, tape.gradient(loss, (a, b, h0))

    example = tensors(*arguments(kind, 4))
    unknown = [
        tf.nest.map_structure(lambda x: tf.TensorSpec([None] * (x.shape.rank - 2) + list(SIZES)), x) for x in example
    ]
    signature = [*unknown, tf.TensorSpec([None, None], tf.bool)]
    compiled = tf.function(run, input_signature=signature, jit_compile=xla)
    for time in (1, 4, 17, 40):
        given = (*tensors(*arguments(kind, time)), tf.constant(random_mask(time)))
        for got, want in zip(tf.nest.flatten(compiled(*given)), tf.nest.flatten(run(*given)), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-4, rtol=1e-4)


def test_long_sequences_stay_exact() -> None:
    time = 5000
    b = np.random.default_rng(0).normal(size=(1, time, 1))
    a = np.full_like(b, 0.999)
    expected = loop(a, b, np.zeros((1, 1)), np.ones((1, time), bool))
    h, _ = linear_recurrence(*tensors(a, b))
    np.testing.assert_allclose(array(h), expected, atol=1e-3)
