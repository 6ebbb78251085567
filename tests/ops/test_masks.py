import numpy as np
import pytest
from keras import ops

from keraseq.ops import masks
from keraseq.ops.rotary import rotary
from keraseq.ops.shift import pad_time

MASK = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
X = np.random.default_rng(0).normal(size=(4, 4, 3)).astype("float32")


def test_indices() -> None:
    assert ops.convert_to_numpy(masks.last_valid_index(MASK)).tolist() == [1, 3, -1, 3]
    assert ops.convert_to_numpy(masks.first_valid_index(MASK)).tolist() == [0, 1, -1, 0]


@pytest.mark.parametrize(
    ("reduce", "plain"),
    [
        (masks.mean, lambda steps: steps.mean(0)),
        (masks.maximum, lambda steps: steps.max(0)),
        (masks.last, lambda steps: steps[-1]),
        (masks.first, lambda steps: steps[0]),
    ],
)
def test_reductions_see_only_valid_steps(reduce, plain) -> None:
    expected = np.stack([plain(x[valid]) if valid.any() else np.zeros(3) for x, valid in zip(X, MASK, strict=True)])
    junk = np.where(MASK[..., None], X, np.nan).astype("float32")
    np.testing.assert_allclose(reduce(ops.convert_to_tensor(junk), MASK), expected, atol=1e-6)
    np.testing.assert_allclose(reduce(ops.convert_to_tensor(X), None), np.stack([plain(x) for x in X]), atol=1e-6)


def test_mean_of_many_large_halves_does_not_overflow() -> None:
    x = ops.full((1, 1000, 1), 1e3, dtype="float16")
    assert float(masks.mean(x, None)[0, 0]) == 1e3


def test_pad_time() -> None:
    padded = ops.convert_to_numpy(pad_time(ops.convert_to_tensor(X), 2, 1))
    assert padded.shape == (4, 7, 3)
    np.testing.assert_array_equal(padded[:, 2:6], X)
    assert not padded[:, [0, 1, 6]].any()


def test_rotary_products_depend_on_the_distance_only() -> None:
    q, k = np.random.default_rng(1).normal(size=(2, 6)).astype("float32")
    turned_q, turned_k = (
        ops.convert_to_numpy(rotary(ops.convert_to_tensor(np.tile(v, (1, 12, 1, 1)))))[0, :, 0] for v in (q, k)
    )
    products = turned_q @ turned_k.T
    for distance in range(-5, 6):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(turned_q, axis=1), np.linalg.norm(q), rtol=1e-5)
    assert abs(products[0, 1] - products[0, 4]) > 1e-2
