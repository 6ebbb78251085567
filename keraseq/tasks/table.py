"""Your own data: a table of sequences and what is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import Choice, check
from keraseq.errors import KeraseqError, UsageError, unknown
from keraseq.registry import tasks
from keraseq.tasks.config import TextConfig, check_idle, one_of, settings_added_by

if TYPE_CHECKING:
    import numpy as np

    from keraseq.models.outputs import Output
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

SPLITS = ("random", "stratified", "time")
ASKED = ("class", "labels", "number")
LABELS = 1000  # more kinds of label than this are numbers, or a mistake
BETWEEN = "|"  # labels that are one text


@tasks.register("table", tags={"text", "features"}, reference="RFC 4180; https://jsonlines.org", cases=())
@dataclass(frozen=True)
class Table(TextConfig):
    """Your own data: a CSV, TSV, JSON Lines, Parquet or NumPy (.npz) file with a sequence and a label in each row.

    A sequence is a text, or but for CSV and TSV a list of numbers or of lists of as many numbers. A label is a class,
    any number of labels, or a real number. Labels are a list in JSON Lines and Parquet, or a text with `|` between
    them, `red|long`; an empty list or text is none of them.

    Test and validation are taken from the rows: at random by `split_seed`, the same share of each class (stratified),
    or the last rows for test and those before them for validation (time), in the order of the file.
    """

    path: Annotated[str, "of the file"] = field(kw_only=True)
    input: Annotated[str, "column that goes in"] = "text"
    label: Annotated[str, "column that is asked for"] = "label"
    asks_for: Annotated[str, Choice(*ASKED), "what a label is"] = "class"
    split: Annotated[str, Choice(*SPLITS), "how test and validation are chosen"] = "random"
    test: Annotated[float, "share of the rows for test"] = 0.2
    symbols: Annotated[bool, "whether the numbers of a sequence stand for symbols, 0, 1, …, and not for amounts"] = (
        False
    )

    downloads: ClassVar[bool] = False
    standardise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("asks_for", self.asks_for, ASKED)
        one_of("split", self.split, SPLITS)
        check(
            self.split != "stratified" or self.asks_for == "class",
            f"split='stratified' is for classes; got asks_for={self.asks_for!r}. Remedy: split='random' or 'time'",
        )
        check(0 < self.test < 1, f"test must be a share above 0 and below 1; got {self.test}. Remedy: leave it out")

    def identity(self, data_dir: str | None) -> dict[str, Any]:
        from keraseq.files import sha256

        path = self._file()
        return super().identity(data_dir) | {"sha256": sha256(path) if path.is_file() else None}

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks.rows import read_rows
        from keraseq.tasks.source import Data, Raw

        path = self._file()
        rows = read_rows(path)
        for column in (self.input, self.label):
            if column not in rows[0]:
                raise UsageError(f"{path}: {unknown('column', column, rows[0])}")
        inputs = [_sequence(row.get(self.input), f"{path}, row {n}, {self.input}") for n, row in enumerate(rows, 1)]
        if not isinstance(inputs[0], str):
            check_idle(self, settings_added_by(TextConfig), f"{self.input} of {path} is numbers and not text")
        given = [row.get(self.label) for row in rows]
        targets, output = self._targets(given, path)
        raw = Raw(inputs, targets)
        about = {"source": str(path), "version": None, "homepage": None, "citation": None, "licence": None}
        return Data(self._split(raw, str(path)), output, about)

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import FeaturePreprocessor, SymbolPreprocessor

        first = train.inputs[0]
        if isinstance(first, str):
            return super().fit(train)
        if self.symbols:
            check(first.ndim == 1, f"symbols=True is for sequences (time,); got (time, {first.shape[-1]})")
            return SymbolPreprocessor(1 + int(max(steps.max() for steps in train.inputs)), None)
        return FeaturePreprocessor(1 if first.ndim == 1 else first.shape[1], None, "steps")

    def _file(self) -> Path:
        return Path(os.path.abspath(os.path.expanduser(self.path)))

    def _targets(self, given: Sequence[Any], path: Path) -> tuple[np.ndarray, Output]:
        """Class indices, or which labels hold, and their names; or numbers."""
        import numpy as np

        from keraseq.models.outputs import Classification, MultiLabelClassification, Regression

        if self.asks_for == "labels":
            sets = [_labels(labels, f"{path}, row {number}, {self.label}") for number, labels in enumerate(given, 1)]
            names = self._names({label for labels in sets for label in labels}, 1, path)
            holds = np.array([[name in labels for name in names] for labels in sets], np.int32)
            return holds, MultiLabelClassification(names)
        for number, label in enumerate(given, 1):
            if label is None or label == "":
                raise KeraseqError(f"{path}, row {number}: {self.label} is empty. Remedy: give a label or drop the row")
        if self.asks_for == "number":
            numbers = [_number(label, f"{path}, row {number}, {self.label}") for number, label in enumerate(given, 1)]
            return np.array(numbers, np.float32)[:, None], Regression()
        names = self._names({str(label) for label in given}, 2, path)
        index = {name: k for k, name in enumerate(names)}
        return np.array([index[str(label)] for label in given], np.int32), Classification(names)

    def _names(self, found: set[str], least: int, path: Path) -> tuple[str, ...]:
        """The kinds of label: whole numbers in their order, then others by the alphabet."""
        check(
            least <= len(found) <= LABELS,
            f"{path}: {self.label} has {len(found)} kinds; wanted {least} to {LABELS}. "
            "Remedy: asks_for='number' for numbers",
        )
        return tuple(sorted(found, key=_order))

    def _split(self, raw: Raw, name: str) -> dict[str, Raw]:
        import numpy as np

        from keraseq.tasks.source import Share, part

        if self.split == "time":
            count = len(raw)
            tested = max(1, round(count * self.test))
            validated = max(1, round((count - tested) * self.validation))
            check(count > tested + validated, f"{name} has {count} rows: test and validation leave none to train on")
            ends = np.split(np.arange(count), [count - tested - validated, count - tested])
            splits = dict(zip(("train", "validation", "test"), map(raw.take, ends), strict=True))
        else:
            stratified = self.split == "stratified"
            rest, test = part(raw, Share(self.test, self.split_seed, stratified), name)
            train, validation = part(rest, Share(self.validation, self.split_seed, stratified), name)
            splits = {"train": train, "validation": validation, "test": test}
        if self.asks_for != "number":
            occurring = {split: _occurring(part.targets) for split, part in splits.items()}
            unseen = (occurring["validation"] | occurring["test"]) - occurring["train"]
            check(
                not unseen,
                f"{name}: {len(unseen)} of the labels never occur in train. Remedy: another split or split_seed, or "
                "leave out labels that occur only once or twice",
            )
        return splits


def _occurring(targets: Any) -> set[int]:
    """The classes or labels that occur, by their indices; targets are `(rows,)` or `(rows, labels)`."""
    import numpy as np

    return set((targets if targets.ndim == 1 else np.flatnonzero(targets.any(axis=0))).tolist())


def _sequence(value: Any, where: str) -> Any:
    """A text as it is, numbers as an array `(time,)` or `(time, size)`."""
    import numpy as np

    if isinstance(value, str):
        if not value.strip():
            raise KeraseqError(f"{where}: the text is empty. Remedy: drop the row")
        return value
    if not isinstance(value, list | np.ndarray) or not len(value):
        raise KeraseqError(f"{where}: a text or a list of numbers is wanted; got {value!r}")
    try:
        array = np.array(value, np.float32)
    except (TypeError, ValueError) as error:
        raise KeraseqError(f"{where}: numbers, or lists of as many numbers each, are wanted: {error}") from error
    if array.ndim > 2 or not np.isfinite(array).all():
        raise KeraseqError(f"{where}: finite numbers of shape (time,) or (time, size) are wanted; got {array.shape}")
    return array


def _order(name: str) -> tuple[bool, int, str]:
    whole = name.removeprefix("-").isdecimal()
    return not whole, int(name) if whole else 0, name


def _labels(value: Any, where: str) -> set[str]:
    """The labels of a row."""
    if isinstance(value, str):
        value = value.split(BETWEEN) if value.strip() else []
    if not isinstance(value, list):
        raise KeraseqError(
            f"{where}: a list of labels, or a text with {BETWEEN} between them, is wanted; got {value!r}"
        )
    labels = {str(label).strip() for label in value}
    if "" in labels or not all(isinstance(label, str | int | float) for label in value):
        raise KeraseqError(f"{where}: labels must be texts or numbers, none of them empty; got {value!r}")
    return labels


def _number(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise KeraseqError(f"{where}: a number is wanted; got {value!r}. Remedy: asks_for='class'") from error
    if number != number or number in (float("inf"), float("-inf")):
        raise KeraseqError(f"{where}: a finite number is wanted; got {value!r}")
    return number
