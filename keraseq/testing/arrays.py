"""Inputs for checks, and comparing what came out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from keras import ops

BATCH, TIME, FEATURES = 3, 8, 4
CONTEXT_TIME = 5

MASKS = {
    place: np.array([[step == "1" for step in row] for row in rows])
    for place, rows in {
        "left": ("00011111", "01111111", "11111111"),
        "inner": ("10010101", "11101111", "01011010"),
        "right": ("11100000", "10000000", "11111111"),
    }.items()
}
"""Kinds of padding; False at it. Each is `(BATCH, TIME)`."""

ALL_MASKS = np.concatenate(list(MASKS.values()))  # (3 · BATCH, TIME)
CONTEXT_MASK = np.array([[0, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 0, 0, 0]], bool)  # (BATCH, CONTEXT_TIME)


def values(batch: int = BATCH, time: int = TIME, features: int = FEATURES, seed: int = 0) -> np.ndarray:
    """Ordinary inputs, float32, `(batch, time, features)`."""
    return np.random.default_rng(seed).normal(size=(batch, time, features)).astype("float32")


def move(weights: Iterable[Any]) -> None:
    """Moves weights away from where they start, so that biases of zero and gains of one count."""
    random = np.random.default_rng(0)
    for weight in weights:
        weight.assign(weight.value + 0.1 * random.normal(size=weight.shape))


def as_array(x: Any) -> np.ndarray:
    """A tensor of any floating type as NumPy float32."""
    return ops.convert_to_numpy(ops.cast(x, "float32"))


def assert_same(got: np.ndarray, want: np.ndarray, what: str, tolerance: float) -> float:
    """Raises AssertionError where numbers differ by more than `tolerance · max(1, |wanted|)`; gives the largest."""
    assert got.shape == want.shape, f"{what} have shape {got.shape}; wanted {want.shape}"
    assert np.isfinite(got).all(), f"{what} are not finite"
    worst = float(np.max(np.abs(got - want) / np.maximum(1, np.abs(want)), initial=0))
    assert worst <= tolerance, f"{what} differ by {worst:.3g}; wanted at most {tolerance}"
    return worst


def distance(got: np.ndarray, want: np.ndarray, floor: float = 0.0) -> float:
    """Length of the difference, relative to the length of what was wanted, or to `floor` where that is shorter."""
    return float(np.linalg.norm(got - want)) / max(float(np.linalg.norm(want)), floor, 1e-12)


def pieces(time: int, seed: int) -> list[int]:
    """`time` cut at random into pieces of 1 to 4 steps."""
    random = np.random.default_rng(seed)
    sizes: list[int] = []
    while sum(sizes) < time:
        sizes.append(int(random.integers(1, min(4, time - sum(sizes)) + 1)))
    return sizes
