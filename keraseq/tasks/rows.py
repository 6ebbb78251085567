"""Rows of a file: CSV, JSON Lines, Parquet or a NumPy archive."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

from keraseq.errors import KeraseqError

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet", ".npz")
TEXT, OFFSETS = ".utf8", ".offsets"  # endings of the names of arrays in an archive


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries: of CSV and TSV with a header, JSON Lines with an object a line, Parquet, or
    a NumPy archive.

    An archive has an array for each column, its rows along the first axis. A column `x` whose rows differ in length
    stands as all their steps in `x`, and in `x.offsets` where each row begins and the last ends; texts stand as an
    array of texts, or so as their bytes in `x.utf8` and `x.utf8.offsets`.

    Raises:
        KeraseqError: no such file, another format, bytes that are not UTF-8, a line that cannot be read, no row at all.
    """
    if path.suffix not in FORMATS:
        raise KeraseqError(f"{path} must end in one of {', '.join(FORMATS)}; got {path.suffix or 'no ending'}")
    if not path.is_file():
        raise KeraseqError(f"{path} does not exist. Remedy: give the path of a file on this machine")
    try:
        rows = {".parquet": _parquet, ".npz": _archive}.get(path.suffix, _text)(path)
    except UnicodeDecodeError as error:
        raise KeraseqError(
            f"{path} is not UTF-8: {error.reason} at byte {error.start}. Remedy: iconv -f LATIN1 -t UTF-8"
        ) from error
    if not rows:
        raise KeraseqError(f"{path} has no rows. Remedy: give a table with at least three")
    return rows


def _text(path: Path) -> list[dict[str, Any]]:
    text = path.read_bytes().decode("utf-8-sig")
    if path.suffix == ".jsonl":
        return [_object(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter="\t" if path.suffix == ".tsv" else ",")
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise KeraseqError(f"{path}, line {reader.line_num}: as many fields as the header has are wanted")
        rows.append(row)
    return rows


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise KeraseqError(f"{path}, line {number}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise KeraseqError(f"{path}, line {number}: an object is wanted; got {type(row).__name__}")
    return row


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise KeraseqError(
            "Parquet needs pyarrow, which is not installed. Remedy: pip install 'keraseq[parquet]'"
        ) from error
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise KeraseqError(f"{path} cannot be read as Parquet: {error}") from error
    return rows


def _archive(path: Path) -> list[dict[str, Any]]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise KeraseqError(f"{path} cannot be read as a NumPy archive without pickles: {error}") from error
    columns: dict[str, Any] = {}
    for name, array in arrays.items():
        if name + OFFSETS in arrays:
            parts = np.split(array, arrays[name + OFFSETS][1:-1])
            text = name.endswith(TEXT)
            columns[name.removesuffix(TEXT)] = [part.tobytes().decode("utf-8") for part in parts] if text else parts
        elif not name.endswith(OFFSETS):
            columns[name] = array.tolist() if array.ndim == 1 else list(array)
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise KeraseqError(f"{path}: all columns must have as many rows; got {sizes}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
