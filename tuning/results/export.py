"""A study as a table, one row a trial, for pandas and whatever else reads CSV or JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from keraseq.config import check
from keraseq.files import make_folder, replacing
from keraseq.tuning.study import Study

SUFFIXES = (".csv", ".json", ".jsonl")


def rows(study: Study) -> list[dict[str, Any]]:
    """One flat row for each trial that ended, those on fresh seeds included; every row has the same columns.

    They are the fields of `Record`, the name of its folder, `params.<setting>`, `match.<measure>` and `test.<metric>`;
    what a trial does not have is None.
    """
    tests = study.test_scores()
    found = []
    for record in study.all_records():
        row: dict[str, Any] = {"trial": record.name}
        for name, value in vars(record).items():
            if name in ("params", "match"):
                row |= {f"{name}.{key}": inner for key, inner in value.items()}
            else:
                row[name] = value
        found.append(row | {f"test.{metric}": score for metric, score in tests.get(record.name, {}).items()})
    plain = list(dict.fromkeys(name for row in found for name in row if "." not in name))
    grouped = sorted({name for row in found for name in row if "." in name})
    return [{name: row.get(name) for name in (*plain, *grouped)} for row in found]


def check_suffix(path: Path) -> None:
    """Raises UsageError unless a file of this name can be written."""
    check(path.suffix in SUFFIXES, f"a study is exported to {', '.join(SUFFIXES)}; got {path.name!r}")


def export(study: Study, path: str | Path) -> int:
    """Writes `rows` to a file, in the format that its name says, whole or not at all; the number of rows.

    Args:
        study: finished or not.
        path: ends in `.csv` (with a head; nothing stands for None), `.json` (a list) or `.jsonl` (an object a line).

    Raises:
        UsageError: the name ends otherwise.
        KeraseqError: it cannot be written.

    Example:
        >>> export(Study("studies/digits-1f2e3d4c"), "trials.csv")     # doctest: +SKIP
        >>> pandas.read_csv("trials.csv").groupby("family").score.max()     # doctest: +SKIP
    """
    path = Path(path)
    check_suffix(path)
    make_folder(path.parent)
    table = rows(study)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            writer = csv.DictWriter(file, fieldnames=list(table[0]) if table else [], lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
        elif path.suffix == ".json":
            json.dump(table, file, indent=1, ensure_ascii=False)
        else:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in table)
    return len(table)
