"""Your own data from memory: arrays, or a `tf.data.Dataset`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.files import replacing
from keraseq.tasks import cache
from keraseq.tasks.examples import Sequences
from keraseq.tasks.load import load_task
from keraseq.tasks.rows import OFFSETS, TEXT
from keraseq.tasks.task import Task


def task_from_arrays(inputs: Sequence[Any] | np.ndarray, labels: Sequence[Any] | np.ndarray, **settings: Any) -> Task:
    """The task `table` over data in memory.

    They are written to the cache as a NumPy archive named after its content: the same data are the same task, for a
    search that is resumed in another process too. `task.config.path` is that file.

    Args:
        inputs: texts, or arrays `(time,)` or `(time, size)` of numbers, of one length or many; an array `(n, time)` or
            `(n, time, size)` holds n of these.
        labels: n classes (whole numbers or texts) or, where they are floating-point, real numbers.
        settings: of `table`, such as `split`, `test`, `batch_size`, `tokeniser`, `symbols`.

    Raises:
        UsageError: inputs and labels that do not fit, a wrong setting.
        KeraseqError: data that cannot be used, told by their row; a cache that cannot be written.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(500, 20, 3))               # doctest: +SKIP
        >>> task = task_from_arrays(x, x.mean((1, 2)) > 0, split="stratified")   # doctest: +SKIP
    """
    check(not isinstance(inputs, str), "inputs must be a list of texts or arrays; got one text. Remedy: put it in [ ]")
    check(len(inputs) > 0, "at least three rows are wanted; got none")
    check(
        len(inputs) == len(labels),
        f"as many labels as inputs are wanted; got {len(inputs)} inputs, {len(labels)} labels",
    )
    known = np.asarray(labels)
    check(known.ndim == 1 and known.dtype.kind in "biufU", f"labels must be n classes or numbers; got {_told(known)}")
    columns = {**_column("input", inputs), "label": known.astype(int) if known.dtype.kind == "b" else known}
    settings = {"asks_for": "number" if known.dtype.kind == "f" else "class", **settings}
    return load_task("table", **{**settings, "path": _store(columns), "input": "input", "label": "label"})


def task_from_dataset(dataset: Iterable[tuple[Any, Any]], **settings: Any) -> Task:
    """The task `table` over a `tf.data.Dataset` of examples `(input, label)`, not batched, which must end.

    Arguments and errors as for `task_from_arrays`. All is read into memory once, and then kept in the cache.
    """
    spec = getattr(dataset, "element_spec", None)
    pair = spec is None or (isinstance(spec, tuple) and len(spec) == 2)
    check(
        pair, f"a dataset of pairs (input, label) is wanted; got {spec}. Remedy: dataset.map(lambda …: (input, label))"
    )
    endless = getattr(dataset, "cardinality", lambda: 0)() == -1
    check(not endless, "a dataset that ends is wanted; got one that repeats without end. Remedy: dataset.take(n)")
    pairs = dataset.as_numpy_iterator() if hasattr(dataset, "as_numpy_iterator") else dataset
    inputs, labels = [], []
    for row, (given, label) in enumerate(pairs, 1):
        inputs.append(_text(given, row))
        labels.append(_text(label, row))
    return task_from_arrays(inputs, labels, **settings)


def _text(value: Any, row: int) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"row {row} is not UTF-8: {error.reason} at byte {error.start}. Remedy: decode it") from error


def _column(name: str, values: Sequence[Any] | np.ndarray) -> dict[str, np.ndarray]:
    """A column as an archive holds it: one array, or sequences one after another with their offsets."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        check(values.ndim in (2, 3), f"inputs must be (n, time) or (n, time, size); got {_told(values)}")
        return {name: values}
    text = all(isinstance(value, str) for value in values)
    arrays = [np.frombuffer(v.encode("utf-8", "replace"), np.uint8) if text else np.asarray(v) for v in values]
    for row, array in enumerate(arrays, 1):
        fits = text or (array.ndim == arrays[0].ndim in (1, 2) and array.shape[1:] == arrays[0].shape[1:])
        check(
            fits and array.dtype.kind in "biuf",
            f"row {row} of inputs must be a text as all others, or numbers (time,) or (time, size) of one size; "
            f"got {_told(array)}",
        )
    joined = Sequences.join(arrays)
    return {name + TEXT * text: joined.values, name + TEXT * text + OFFSETS: joined.offsets}


def _told(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _store(columns: dict[str, np.ndarray]) -> str:
    """Writes an archive to the cache, once, and gives its path."""
    digest = hashlib.sha256()
    for name, array in sorted(columns.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    path = cache.directory() / "arrays" / f"{digest.hexdigest()[:32]}.npz"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with replacing(path) as temporary:
                np.savez(temporary, allow_pickle=False, **columns)
    except OSError as error:
        raise cache.unwritable(error) from error
    return str(path)
