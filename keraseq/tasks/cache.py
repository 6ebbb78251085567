"""The cache of encoded tasks: each is a folder that appears whole or not at all.

A folder is written beside its final place under a temporary name, then renamed. A process that dies leaves a temporary
folder that nothing reads; of two processes that write the same folder, one wins and both use it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keraseq.errors import KeraseqError

FORMAT = 2  # raised whenever the files of a folder, or the way they are encoded, change


def directory() -> Path:
    """Where encoded tasks lie: `KERASEQ_CACHE_DIR`, else `XDG_CACHE_HOME/keraseq`, else `~/.cache/keraseq`."""
    if own := os.environ.get("KERASEQ_CACHE_DIR"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "keraseq"


def place(name: str, identity: dict[str, Any]) -> Path:
    """The folder of the task `name` whose data depend on `identity`; it need not exist."""
    text = json.dumps({"format": FORMAT, "name": name, **identity}, sort_keys=True)
    plain = "".join(c if c.isalnum() else "_" for c in name)
    return directory() / "tasks" / f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes `folder` when the block ends well, and vanishes otherwise.

    Raises:
        KeraseqError: the folder cannot be written.
    """
    try:
        temporary = folder.with_name(f"{folder.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")
        temporary.mkdir(parents=True)
    except OSError as error:
        raise unwritable(error) from error
    try:
        yield temporary
        try:
            temporary.rename(folder)
        except OSError as error:
            if not folder.is_dir():
                raise unwritable(error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def unwritable(error: OSError) -> KeraseqError:
    """The error to raise where writing the cache failed."""
    return KeraseqError(
        f"cannot write the cache directory {directory()}: {error.strerror or error}. "
        "Remedy: set KERASEQ_CACHE_DIR to a folder that you can write to and that has room"
    )
