"""Rows of a file: CSV, JSON Lines or Parquet."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from keraseq.errors import KeraseqError

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries: of CSV and TSV with a header, JSON Lines with an object a line, or Parquet.

    Raises:
        KeraseqError: no such file, another format, bytes that are not UTF-8, a line that cannot be read, no row at all.
    """
    if path.suffix not in FORMATS:
        raise KeraseqError(f"{path} must end in one of {', '.join(FORMATS)}; got {path.suffix or 'no ending'}")
    if not path.is_file():
        raise KeraseqError(f"{path} does not exist. Remedy: give the path of a file on this machine")
    try:
        rows = _parquet(path) if path.suffix == ".parquet" else _text(path)
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
