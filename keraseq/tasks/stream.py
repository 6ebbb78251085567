"""Running text as one stream of symbols on disk, and the windows in which a model sees it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from keraseq.config import check
from keraseq.tasks.examples import Examples, Windows


class Stream:
    """Symbols one after another, made piece by piece, so that no more than a piece need be in memory.

    Args:
        pieces: arrays of symbols.
        size: how many symbols there are; they are kept in the smallest type that holds them.
    """

    def __init__(self, pieces: Iterable[np.ndarray], size: int):
        self.pieces = pieces
        self.dtype = np.min_scalar_type(size)

    def save(self, folder: Path, name: str) -> None:
        """Writes one array to `folder`, in a file that begins with `name`."""
        steps = 0
        with _path(folder, name).open("wb") as file:
            self._head(file, steps)
            for piece in self.pieces:
                file.write(piece.astype(self.dtype).tobytes())
                steps += len(piece)
            file.seek(0)
            self._head(file, steps)  # of the same size: NumPy leaves room for the first axis to grow

    def _head(self, file: Any, steps: int) -> None:
        told = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (steps,)}
        np.lib.format.write_array_header_1_0(file, told)


def load(folder: Path, name: str) -> np.ndarray:
    """The symbols that `Stream.save` wrote, `(steps,)`; they stay on disk, mapped into memory."""
    symbols: np.ndarray = np.load(_path(folder, name), mmap_mode="r", allow_pickle=False)
    check(len(symbols) >= 2, f"a text of at least 2 symbols is wanted; got {len(symbols)}")
    return symbols


def windows(stream: np.ndarray, length: int, context: int = 0) -> Examples:
    """Windows of `length` symbols, each with the symbols that come next; every symbol but the first is asked for once.

    Where the last window would be short it begins earlier, and asks only for what no other has asked for.

    Args:
        stream: all symbols, `(steps,)`, at least 2.
        length: steps of a window.
        context: steps at the start of a window, but the first, that are not asked for, since they were by the window
            before: every symbol is foretold from at least so many before it.
    """
    length = min(length, len(stream) - 1)
    last = len(stream) - 1 - length
    starts = np.append(np.arange(0, last, length - min(context, length - 1)), last)
    asked_before = np.append(0, starts[:-1] + length)  # symbols that no window may ask for again, but one
    return _asked(stream, starts, np.broadcast_to(np.int64(length), starts.shape), asked_before - starts)


def rows(stream: np.ndarray, length: int, count: int) -> Examples:
    """The windows of `count` rows, each a contiguous part of the stream of one size, one row after another.

    Up to `count - 1` symbols at the end are left out. The last windows of all rows are alike, and may be short.
    """
    size = (len(stream) - 1) // count
    check(
        size >= 1,
        f"{len(stream)} symbols cannot be cut into {count} rows. Remedy: batch_size at most {len(stream) - 1}",
    )
    within = np.arange(0, size, length)
    starts = np.arange(count)[:, None] * size + within  # (rows, windows)
    lengths = np.broadcast_to(np.minimum(length, size - within), starts.shape)
    return _asked(stream, starts.ravel(), lengths.ravel())


def _asked(stream: np.ndarray, starts: np.ndarray, lengths: np.ndarray, hidden: np.ndarray | None = None) -> Examples:
    return Examples(Windows(stream[:-1], starts, lengths), Windows(stream[1:], starts, lengths, hidden))


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.stream.npy"
