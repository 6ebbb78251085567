"""Sequences of different lengths as three flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


class Examples:
    """Encoded sequences with their targets.

    Args:
        values: the steps of all sequences, one after another, shape `(steps,)` or `(steps, size)`.
        offsets: int64, shape `(n + 1,)`; sequence `i` is `values[offsets[i] : offsets[i + 1]]`.
        targets: shape `(n,)` or `(n, size)`.
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray, targets: np.ndarray):
        self.values = values
        self.offsets = offsets
        self.targets = targets

    @classmethod
    def join(cls, sequences: Sequence[np.ndarray], targets: np.ndarray) -> Examples:
        """The examples whose sequences are given one by one."""
        offsets = np.zeros(len(sequences) + 1, np.int64)
        np.cumsum([len(sequence) for sequence in sequences], out=offsets[1:])
        return cls(np.concatenate(sequences), offsets, targets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each sequence, int64, shape `(n,)`."""
        return np.diff(self.offsets)

    def save(self, folder: Path, name: str) -> None:
        """Writes the arrays to `folder`, in files that begin with `name`."""
        for part in ("values", "offsets", "targets"):
            np.save(folder / f"{name}.{part}.npy", getattr(self, part), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, name: str) -> Examples:
        """What `save` wrote; the steps stay on disk, mapped into memory."""
        values = np.load(folder / f"{name}.values.npy", mmap_mode="r", allow_pickle=False)
        offsets, targets = (
            np.load(folder / f"{name}.{part}.npy", allow_pickle=False) for part in ("offsets", "targets")
        )
        return cls(values, offsets, targets)
