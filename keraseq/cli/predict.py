"""`keraseq predict`."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from keraseq.cli.output import Json, console, print_json
from keraseq.errors import UsageError
from keraseq.quiet import quiet_imports


def predict(
    directory: Annotated[Path, typer.Argument(help="Folder of a saved model, such as STUDY/best.")],
    examples: Annotated[
        list[str] | None, typer.Argument(help="Text, or JSON arrays of numbers; none reads lines from standard input.")
    ] = None,
    json: Json = False,
) -> None:
    """Predictions of a saved model on raw examples."""
    lines = examples or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    if not lines:
        raise UsageError("predict needs examples: as arguments, or as lines on standard input")

    with quiet_imports():
        from keraseq.inference.saved import load_model

    predictor = load_model(directory)
    raw = lines if predictor.preprocessor.reads_text else [_numbers(line) for line in lines]
    answers = predictor.predict(raw)
    if json:
        print_json(answers)
        return
    for line, answer in zip(lines, answers, strict=True):
        shown = "  ".join(map(_shown, answer.values()))
        console.print(f"{shown}  {line if len(line) <= 80 else line[:79] + '…'}", highlight=False, markup=False)


def _shown(value: Any) -> str:
    match value:
        case float():
            return f"{value:.4f}"
        case list():
            return " ".join(map(_shown, value))
    return str(value)


def _numbers(line: str) -> Any:
    import numpy as np

    try:
        array = np.asarray(json_format.loads(line))
        return array if array.dtype.kind in "iu" else array.astype("float32")
    except (json_format.JSONDecodeError, TypeError, ValueError) as error:
        raise UsageError(f"this model takes JSON arrays of numbers, time by features; got {line[:60]!r}") from error
