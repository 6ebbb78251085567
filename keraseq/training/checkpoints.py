"""Snapshots of a training in a folder: each is whole or absent, and read only if it is what was written."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keraseq.config import check
from keraseq.errors import KeraseqError
from keraseq.files import make_folder, replacing

NAME = re.compile(r"step-(\d+)-([0-9a-f]{64})\.npz")
FACTS = "facts"  # the array that holds them, as JSON


@dataclass(frozen=True)
class Snapshot:
    """What a training is at one step.

    Attributes:
        facts: plain data for JSON.
        arrays: by name.
    """

    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


class Checkpoints:
    """The newest snapshots of one training: NumPy archives that are named after their step and their SHA-256.

    Args:
        folder: where they are; created by the first.
        keep: how many, at least 1; older ones are deleted once a newer one is on the disk.
        writes: whether this process does; one that does not reads what another wrote.

    Raises:
        UsageError: `keep` is below 1.
    """

    def __init__(self, folder: Path, keep: int = 2, writes: bool = True):
        check(keep >= 1, f"keep must be at least 1 checkpoint; got {keep}")
        self.folder, self.keep, self.writes = folder, keep, writes

    def save(self, step: int, snapshot: Snapshot) -> None:
        """Writes a snapshot atomically.

        Raises:
            KeraseqError: it cannot be written; those before it are as they were.
        """
        if not self.writes:
            return
        facts = np.frombuffer(json.dumps(snapshot.facts, default=float).encode(), np.uint8)
        archive = io.BytesIO()
        np.savez(archive, allow_pickle=False, **{FACTS: facts}, **snapshot.arrays)
        content = archive.getvalue()
        path = make_folder(self.folder) / f"step-{step:09}-{hashlib.sha256(content).hexdigest()}.npz"
        try:
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise KeraseqError(
                f"cannot write a checkpoint to {self.folder}: {error.strerror}; the one before is whole: mend the disk "
                "and resume"
            ) from error
        for old in self._paths()[self.keep :]:
            old.unlink()

    def newest(self) -> Snapshot | None:
        """The newest snapshot that is whole, or None; it warns of each newer one that is damaged."""
        for path in self._paths():
            content = path.read_bytes()
            if path.name.split("-")[2] != f"{hashlib.sha256(content).hexdigest()}.npz":
                warnings.warn(f"{path} is damaged; going on from the checkpoint before it", stacklevel=2)
                continue
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                arrays = dict(archive)
            return Snapshot(json.loads(arrays.pop(FACTS).tobytes()), arrays)
        return None

    def clear(self) -> None:
        """Deletes them all."""
        for path in self._paths() if self.writes else ():
            path.unlink()

    def _paths(self) -> Sequence[Path]:
        """Newest first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted((path for path in found if NAME.fullmatch(path.name)), reverse=True)
