"""Sequences of different lengths as flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Sequences:
    """Sequences of different lengths, one after another.

    Args:
        values: the steps of all sequences, shape `(steps,)` or `(steps, size)`.
        offsets: int64, shape `(n + 1,)`; sequence `i` is `values[offsets[i] : offsets[i + 1]]`.
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray):
        self.values = values
        self.offsets = offsets

    @classmethod
    def join(cls, sequences: Sequence[np.ndarray]) -> Sequences:
        """The sequences that are given one by one."""
        offsets = np.zeros(len(sequences) + 1, np.int64)
        np.cumsum([len(sequence) for sequence in sequences], out=offsets[1:])
        return cls(np.concatenate(sequences), offsets)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def starts(self) -> np.ndarray:
        """Where each sequence starts, int64, shape `(n,)`."""
        return self.offsets[:-1]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(np.split(self.values, self.offsets[1:-1]))

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each sequence, int64, shape `(n,)`."""
        return np.diff(self.offsets)

    def pad(
        self, index: np.ndarray, dtype: Any, padding: int = 0, width: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The sequences at `index`, padded at the end to `width`, or to the longest of them.

        Returns:
            The steps, `(batch, time)` or `(batch, time, size)`, and which of them are real, bool, `(batch, time)`.
        """
        starts, lengths = self._span(index)
        real = np.arange(width or lengths.max()) < lengths[:, None]  # (batch, time)
        before = np.cumsum(lengths) - lengths
        source = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
        steps = np.full(real.shape + self.values.shape[1:], padding, dtype)
        steps[real] = self.values[source]
        return steps, real

    def _span(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Starts and lengths of the sequences at `index`."""
        starts = self.offsets[index]
        return starts, self.offsets[index + 1] - starts


class Windows(Sequences):
    """Parts of one long sequence, which may overlap.

    Args:
        values: the steps of the long sequence, `(steps,)`.
        starts, lengths: of the windows, int64, `(n,)`.
        hidden: how many steps at the start of each window are told as padding, int64, `(n,)`, or None for none.
    """

    def __init__(self, values: np.ndarray, starts: np.ndarray, lengths: np.ndarray, hidden: np.ndarray | None = None):
        self.values = values
        self._starts = starts
        self._lengths = lengths
        self.hidden = hidden

    @property
    def starts(self) -> np.ndarray:
        return self._starts

    @property
    def lengths(self) -> np.ndarray:
        return self._lengths

    def pad(
        self, index: np.ndarray, dtype: Any, padding: int = 0, width: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        steps, real = super().pad(index, dtype, padding, width)
        if self.hidden is not None:
            steps[np.arange(steps.shape[1]) < self.hidden[index][:, None]] = padding
        return steps, real

    def _span(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._starts[index], self._lengths[index]


class Examples:
    """Encoded sequences with their targets.

    Args:
        inputs: the sequences.
        targets: one each, shape `(n, …)`, or a sequence each.
    """

    def __init__(self, inputs: Sequences, targets: np.ndarray | Sequences):
        self.inputs = inputs
        self.targets = targets

    @classmethod
    def join(cls, sequences: Sequence[np.ndarray], targets: np.ndarray | Sequence[np.ndarray]) -> Examples:
        """The examples whose sequences are given one by one, with targets in one array or one by one."""
        return cls(Sequences.join(sequences), targets if isinstance(targets, np.ndarray) else Sequences.join(targets))

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each sequence, int64, shape `(n,)`."""
        return self.inputs.lengths

    @property
    def sizes(self) -> np.ndarray:
        """Steps of each sequence and, where that is a sequence, of its target; int64, shape `(n, 1)` or `(n, 2)`."""
        parts = [self.inputs, self.targets] if isinstance(self.targets, Sequences) else [self.inputs]
        return np.stack([part.lengths for part in parts], axis=1)

    def save(self, folder: Path, name: str) -> None:
        """Writes the arrays to `folder`, in files that begin with `name`."""
        parts = {"values": self.inputs.values, "offsets": self.inputs.offsets}
        if isinstance(self.targets, Sequences):
            parts |= {"targets": self.targets.values, "target_offsets": self.targets.offsets}
        else:
            parts["targets"] = self.targets
        for part, array in parts.items():
            np.save(folder / f"{name}.{part}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, name: str) -> Examples:
        """What `save` wrote; the steps stay on disk, mapped into memory."""

        def read(part: str, mmap_mode: Any = None) -> np.ndarray:
            return np.load(folder / f"{name}.{part}.npy", mmap_mode=mmap_mode, allow_pickle=False)

        inputs = Sequences(read("values", "r"), read("offsets"))
        if (folder / f"{name}.target_offsets.npy").exists():
            return cls(inputs, Sequences(read("targets", "r"), read("target_offsets")))
        return cls(inputs, read("targets"))
