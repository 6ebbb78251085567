"""Reading raw examples through TensorFlow Datasets, which prepares them first where need be."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
import operator
import os
import random
import re
import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import numpy as np

from keraseq.config import check
from keraseq.errors import KeraseqError, UsageError, unknown
from keraseq.models.outputs import (
    Classification,
    MultiLabelClassification,
    MultiLabelTagging,
    Output,
    Tagging,
    Transduction,
)
from keraseq.registry import tasks
from keraseq.tasks import builders
from keraseq.tasks.config import TaskConfig
from keraseq.tasks.tokenise import REPLACEMENT

logger = logging.getLogger(__name__)

PROBE_SECONDS = 10
EXTRAS = {"pydub": "speech"}  # packages that TFDS needs for some data sets → the extra of keraseq that brings them
_preparing = threading.Lock()
_manual_dir: ContextVar[Path | None] = ContextVar("_manual_dir", default=None)


class MissingDownloadError(KeraseqError):
    """A file that a data set needs is neither on this machine nor to be had from its address."""


@dataclass(frozen=True)
class Raw:
    """Examples before preprocessing.

    Attributes:
        inputs: texts, which may come anew from disk at every pass, lists of words, or arrays; one array of shape
            `(n, …)` where all have one shape.
        targets: class indices, int32, `(n,)`; which labels hold, 0 or 1, int32, `(n, labels)`; real numbers, float32,
            `(n, size)`; class indices of every step, or of a sequence of labels, an int32 array each; texts; or arrays
            that other kinds of output ask for.
        rate: samples a second where inputs are recordings, in Hz, else None.
    """

    inputs: Sequence[Any] | np.ndarray
    targets: Sequence[Any] | np.ndarray
    rate: int | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, index: np.ndarray) -> Raw:
        """The examples at `index`, in that order."""
        inputs, targets = (
            part[index] if isinstance(part, np.ndarray) else [part[i] for i in index]
            for part in (self.inputs, self.targets)
        )
        return Raw(inputs, targets, self.rate)


@dataclass(frozen=True)
class Share:
    """A random part of the training split.

    Attributes:
        share: of its examples, above 0 and below 1.
        seed: of the choice.
        stratified: whether that share is taken of each class by itself.
    """

    share: float
    seed: int
    stratified: bool = False


@dataclass(frozen=True)
class Data:
    """All that a task reads.

    Attributes:
        splits: `train`, `validation` and `test`.
        output: what is asked for; None for texts, of which the preprocessor knows the vocabulary.
        about: where the data come from, as plain data: source, version, homepage, citation, licence.
    """

    splits: dict[str, Raw]
    output: Output | None
    about: dict[str, Any]


def open_builder(name: str, data_dir: str | None, **arguments: Any) -> Any:
    """The TFDS builder of `name`, as `data`, `data/config` or `data/config:1.0.0`; nothing is downloaded yet.

    Raises:
        UsageError: unknown data set, configuration or version.
        KeraseqError: the builder needs a package that is not installed.
    """
    with _quiet(), explained(name, data_dir):
        import tensorflow_datasets as tfds

        builders.register(name.partition(":")[0].partition("/")[0])
        try:
            return tfds.builder(name, data_dir=folder_of(data_dir), **arguments)
        except tfds.core.DatasetNotFoundError as error:
            raise UsageError(unknown("task", name, {*tasks.names(), *tfds.list_builders()})) from error
        except (AssertionError, ValueError) as error:  # how TFDS refuses a version and a configuration
            data, _, config = name.partition(":")[0].partition("/")
            known = tfds.builder_cls(data).builder_configs
            if config and config not in known:
                raise UsageError(unknown(f"configuration of {data}", config, known)) from error
            raise UsageError(f"{name!r} cannot be opened: {error} Remedy: leave the version out") from error


@contextlib.contextmanager
def manual_files(folder: str | os.PathLike[str] | None) -> Iterator[None]:
    """Inside, files are taken from this folder before any is downloaded; None takes `downloads/manual` of the data.

    Raises:
        UsageError: there is no such folder.
    """
    path = None if folder is None else Path(folder).expanduser().absolute()
    check(path is None or path.is_dir(), f"the folder of files, {path}, does not exist. Remedy: make it and fill it")
    token = _manual_dir.set(path)
    try:
        yield
    finally:
        _manual_dir.reset(token)


def prepare(builder: Any, name: str, data_dir: str | None) -> Any:
    """The builder with its data downloaded and prepared.

    Args:
        builder: from `open_builder`.
        name: the task as on a command line, for messages.
        data_dir: as given by the user, for messages.

    Raises:
        MissingDownloadError: a file is missing and cannot be downloaded: told at once, for all files, where TFDS would
            retry for minutes and then name one.
        KeraseqError: anything else that the user can act on: no room, no right to write, a damaged file.
    """
    if builder.data_path.exists():
        return builder
    import tensorflow_datasets as tfds

    missing: list[str] = []
    with _preparing, _quiet(), _own_random(), explained(name, data_dir):
        tfds.disable_progress_bar()
        # The one private hook into TFDS: `_download` is called for a file that is found nowhere, and nothing else is.
        hook = _checked_download(tfds.download.DownloadManager._download, missing)
        try:
            with mock.patch.object(tfds.download.DownloadManager, "_download", hook):
                config = tfds.download.DownloadConfig(manual_dir=_manual_dir.get())
                builder.download_and_prepare(download_config=config)
        except AssertionError as error:
            if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:  # for files that only a person can fetch
                raise KeraseqError(f"{name} cannot be downloaded by a program: {error}") from error
            raise KeraseqError(f"{name} cannot be prepared: {error} Remedy: see what its files hold") from error
        except OSError as error:
            if missing:
                raise MissingDownloadError(_missing(name, builder, data_dir, missing)) from error
            if not builder.data_path.exists():  # or else another process prepared the same data first
                raise
        except tfds.core.download.download_manager.NonMatchingChecksumError as error:
            raise KeraseqError(
                f"a file of {name} is damaged or has changed: {error}. "
                "Remedy: delete that file or move it away, and run again"
            ) from error
        builder.info.read_from_directory(builder.data_dir)
    return builder


def read_classes(
    config: TaskConfig,
    data_dir: str | None,
    *,
    input: str,
    label: str,
    test: Share | None = None,
    test_split: str = "test",
) -> Data:
    """Reads the data set `config.builder`: its feature `input` goes in, its class label `label` is asked for.

    `test` and `test_split` are as in `read`.
    """
    builder = open_builder(config.builder, data_dir)
    return read(
        builder,
        name=config.called,
        data_dir=data_dir,
        output=Classification(tuple(builder.info.features[label].names)),
        input_of=operator.itemgetter(input),
        label_of=operator.itemgetter(label),
        validation=config.validation,
        seed=config.split_seed,
        test=test,
        test_split=test_split,
        rate=rate_of(builder.info.features[input]),
    )


def rate_of(feature: Any) -> int | None:
    """Samples a second of a TFDS feature that holds recordings, in Hz; None where it holds none or does not tell."""
    return getattr(feature, "sample_rate", None) or None


def read(
    builder: Any,
    *,
    name: str,
    data_dir: str | None,
    output: Output | None,
    input_of: Callable[[Any], Any],
    label_of: Callable[[Any], Any],
    validation: float,
    seed: int,
    test: Share | None = None,
    test_split: str = "test",
    rate: int | None = None,
) -> Data:
    """Reads the splits of a builder, after preparing it.

    Validation comes from the data set's own split of that name, else from train; never from test.

    Args:
        builder: from `open_builder`.
        name, data_dir: the task and the folder, for messages.
        output: what is asked for, against which labels are checked; None for texts.
        input_of, label_of: from a TFDS example, a dictionary of tensors, to the input and the label.
        validation: share of train taken for validation.
        seed: of the choice of these examples.
        test: part of train taken for test where there is no such split, or None to require one.
        test_split: name of the data set's split to test on.
        rate: samples a second where inputs are recordings, in Hz.
    """
    builder = prepare(builder, name, data_dir)
    sources = splits_of(builder, name, test_split, makes_test=test is not None)
    with _quiet(), explained(name, data_dir):
        splits = {split: _read_split(builder, source, input_of, label_of) for split, source in sources.items()}
    for split, raw in splits.items():
        splits[split] = Raw(raw.inputs, _targets(raw.targets, output, f"split {sources[split]!r} of {name}"), rate)
    if "test" not in splits and test is not None:
        splits["train"], splits["test"] = part(splits["train"], test, name)
    if "validation" not in splits:
        splits["train"], splits["validation"] = part(splits["train"], Share(validation, seed), name)
    return Data(splits, output, about(builder))


def splits_of(builder: Any, name: str, test_split: str = "test", makes_test: bool = False) -> dict[str, str]:
    """Train, validation and test → the splits of a prepared data set that serve as such, of those that it has.

    Args:
        builder, name: the data set, and the task for messages.
        test_split: to test on; what is tested on never serves as validation.
        makes_test: whether test is made of train where there is no split of that name.

    Raises:
        KeraseqError: no split to train or to test on.
    """
    available = set(builder.info.splits)
    if "train" not in available or (test_split not in available and not (makes_test and test_split == "test")):
        raise KeraseqError(
            f"{name} needs the splits 'train' and {test_split!r}; the data set has {', '.join(sorted(available))}"
        )
    sources = {"train": "train", "test": test_split, "validation": "dev" if "dev" in available else "validation"}
    if test_split == sources["validation"]:
        del sources["validation"]
    return {split: source for split, source in sources.items() if source in available}


def about(builder: Any) -> dict[str, Any]:
    """Where the data of a prepared builder come from, as `Data` tells it."""
    info = builder.info
    return {
        "source": info.full_name,
        "version": str(builder.version),
        "homepage": info.homepage or None,
        "citation": info.citation or None,
        "licence": info.redistribution_info.license or None,
    }


def release(name: str) -> str:
    """What decides the version of a TFDS data set that the user names without one, found without importing TFDS.

    That is the class itself where code of this process registered one, else the installed release of TFDS.
    """
    if (tfds := sys.modules.get("tensorflow_datasets")) is not None:
        with contextlib.suppress(tfds.core.DatasetNotFoundError):
            own = tfds.builder_cls(name.split("/")[0].split(":")[0])
            if not own.__module__.startswith("tensorflow_datasets."):
                return f"{own.__module__} {own.VERSION}"
    return f"tensorflow-datasets {importlib.metadata.version('tensorflow-datasets')}"


def _read_split(builder: Any, split: str, input_of: Callable[[Any], Any], label_of: Callable[[Any], Any]) -> Raw:
    """All examples of a split."""
    dataset = builder.as_dataset(split=split, shuffle_files=False)
    dataset = dataset.map(lambda example: (input_of(example), label_of(example)))
    specs = dataset.element_spec
    if all(spec.shape.is_fully_defined() for spec in specs):
        batches = [(_compact(given), label) for given, label in dataset.batch(1024).as_numpy_iterator()]
        inputs, labels = (_concatenate([batch[side] for batch in batches]) for side in (0, 1))
        return Raw(_column(inputs, specs[0]), _column(labels, specs[1]))
    pairs = [(_compact(given), label) for given, label in dataset.as_numpy_iterator()]
    return Raw(*(_column([pair[side] for pair in pairs], specs[side]) for side in (0, 1)))


def _column(values: Any, spec: Any) -> Any:
    """Inputs or labels as texts, as one array where all have one shape, or as one array each."""
    if spec.dtype == "string":
        texts = [_text(value) for value in values]
        damaged = [
            i
            for i, text in enumerate(texts)
            if isinstance(text, str) and REPLACEMENT in text and text.encode() != values[i]
        ]
        if damaged:
            logger.warning(
                "texts that are not UTF-8: %d, example %d first; their wrong bytes read as %s",
                len(damaged), damaged[0], REPLACEMENT,
            )  # fmt: skip
        return texts
    return np.array(values) if spec.shape.is_fully_defined() else values


def _text(value: Any) -> Any:
    """A text, or a list of texts; bytes that are not UTF-8 are replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else [_text(part) for part in value]


def _compact(values: Any) -> Any:
    """Signed 64-bit integers, such as TFDS makes of 16-bit samples, in 16 or 32 bits where these hold them."""
    if not isinstance(values, np.ndarray) or values.dtype != np.int64 or not values.size:
        return values
    low, high = values.min(), values.max()
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values


def _concatenate(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0)


def _targets(labels: Any, output: Output | None, where: str) -> Sequence[Any] | np.ndarray:
    """The labels as `Raw` holds them, checked: class indices within the classes, numbers finite.

    Several labels of a whole sequence come as the class indices of those that hold.
    """
    if not len(labels):
        raise KeraseqError(f"{where} is empty. Remedy: delete the prepared data set and prepare it again")
    if output is None:
        return labels
    if isinstance(output, Classification):
        outside = np.flatnonzero((labels < 0) | (labels >= len(output.labels)))
        if len(outside):
            raise KeraseqError(
                f"{where}: labels must be in 0 … {len(output.labels) - 1}; example {outside[0]} has "
                f"{labels[outside[0]]}. Remedy: where the labels of this split are hidden, name another by test_split"
            )
        return labels.astype(np.int32)
    if isinstance(output, Tagging | Transduction):
        tags = isinstance(output, Tagging)
        least, aside = (output.padding, f", or {output.padding} at steps that do not count") if tags else (0, "")
        for index, row in enumerate(labels):
            if not ((row >= least) & (row < len(output.labels))).all():
                raise KeraseqError(
                    f"{where}: labels must be in 0 … {len(output.labels) - 1}{aside}; "
                    f"example {index} has {row.min()} … {row.max()}"
                )
        return [row.astype(np.int32) for row in labels]
    if isinstance(output, MultiLabelClassification):
        holds = np.zeros((len(labels), len(output.labels)), np.int32)
        for index, row in enumerate(labels):
            if not ((row >= 0) & (row < len(output.labels))).all():
                raise KeraseqError(
                    f"{where}: labels must be in 0 … {len(output.labels) - 1}; example {index} has {row.tolist()}. "
                    "Remedy: where the labels of this split are hidden, name another by test_split"
                )
            holds[index, row] = 1
        return holds
    if isinstance(output, MultiLabelTagging):
        for index, row in enumerate(labels):
            if row.shape[1:] != output.target_shape or not np.isin(row, (0, 1)).all():
                raise KeraseqError(
                    f"{where}: every step must have {len(output.labels)} zeros or ones; example {index} has shape "
                    f"{row.shape} and numbers {row.min()} … {row.max()}"
                )
        return [row.astype(np.int8) for row in labels]
    labels = labels.astype(np.float32).reshape(len(labels), -1)
    wrong = np.flatnonzero(~np.isfinite(labels).all(axis=1))
    if len(wrong):
        raise KeraseqError(f"{where}: targets must be finite; example {wrong[0]} has {labels[wrong[0]]}")
    return labels


def part(raw: Raw, share: Share, name: str) -> tuple[Raw, Raw]:
    """A random part of the examples apart from the rest, each in its order: (rest, part)."""
    order = np.random.default_rng(share.seed).permutation(len(raw))
    classes = np.asarray(raw.targets)[order] if share.stratified else np.zeros(len(raw))
    groups = [order[classes == each] for each in np.unique(classes)]
    taken = np.concatenate([group[: max(1, round(len(group) * share.share))] for group in groups])
    rest = np.setdiff1d(order, taken)
    if not len(rest):
        raise KeraseqError(
            f"{name} has {len(raw)} training examples: taking a share of {share.share} leaves none. "
            "Remedy: a smaller share"
        )
    return raw.take(rest), raw.take(np.sort(taken))


def _checked_download(download: Callable[..., Any], missing: list[str]) -> Callable[..., Any]:
    """TFDS's `download` with a look first: a file in the manual folder is taken, an address out of reach is noted."""
    unreachable: dict[str, str] = {}

    def checked(manager: Any, resource: Any) -> Any:
        import promise
        import requests
        from tensorflow_datasets.core.download import checksums

        address = urlsplit(resource.url)
        info = manager._url_infos.get(resource.url)
        if info is not None and manager._manual_dir is not None:
            path = manager._manual_dir / _file_name(resource.url, info)
            if path.exists():
                manager._register_or_validate_checksums(resource.url, checksums.compute_url_info(path), path)
                return promise.Promise.resolve(path)
        if address.scheme not in ("http", "https"):
            return download(manager, resource)
        try:
            if address.netloc not in unreachable:
                with requests.get(resource.url, stream=True, timeout=PROBE_SECONDS) as response:
                    response.raise_for_status()
                return download(manager, resource)
        except requests.HTTPError as error:
            reason = str(error)
        except requests.RequestException as error:
            reason = unreachable[address.netloc] = f"{type(error).__name__} at {address.netloc}"
        else:
            reason = unreachable[address.netloc]
        size = f"{info.size}, sha256 {info.checksum}" if info else "size and sha256 not recorded"
        missing.append(f"  {_file_name(resource.url, info)}: {size}, from {resource.url} ({reason})")
        return promise.Promise.reject(OSError(reason))

    return checked


def _file_name(url: str, info: Any) -> str:
    return (info and info.filename) or PurePosixPath(urlsplit(url).path).name


def _missing(name: str, builder: Any, data_dir: str | None, missing: list[str]) -> str:
    manual = _manual_dir.get()
    options = {"--data-dir": data_dir, "--manual-dir": manual and str(manual)}
    given = "".join(f" {option} {shlex.quote(value)}" for option, value in options.items() if value)
    return (
        f"{name} needs files that are not on this machine and cannot be downloaded:\n"
        + "\n".join(missing)
        + f"\nRemedy: put them into {manual or builder.data_dir_root / 'downloads' / 'manual'}/ "
        + f"and run: keraseq data prepare {name}{given}"
    )


def folder_of(data_dir: str | None) -> str:
    """Where TFDS keeps data: the given folder, else what the environment variable TFDS_DATA_DIR names, else its own."""
    return os.path.abspath(os.path.expanduser(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"))


@contextlib.contextmanager
def explained(name: str, data_dir: str | None) -> Iterator[None]:
    """Failures of reading and writing, and of packages that TFDS imports late, as errors with a remedy."""
    where = folder_of(data_dir)
    try:
        yield
    except ImportError as error:
        found = re.search(r"No module named '(\w+)", str(error))  # TFDS raises it anew, but keeps its text
        if found is None:
            raise
        wanted = f"'keraseq[{EXTRAS[found[1]]}]'" if found[1] in EXTRAS else found[1]
        raise KeraseqError(
            f"{name} needs the package {found[1]}, which is not installed. Remedy: pip install {wanted}"
        ) from error
    except OSError as error:
        raise KeraseqError(
            f"cannot prepare {name} in {where}: {error}. Remedy: name a folder that you can write to and that has room "
            "by data_dir (--data-dir) or TFDS_DATA_DIR"
        ) from error
    except Exception as error:  # only those of TensorFlow, which may not be imported yet, are ours to explain
        if "tensorflow" in sys.modules and isinstance(error, sys.modules["tensorflow"].errors.OpError):
            raise KeraseqError(
                f"the prepared data of {name} in {where} are damaged: {error.message}. "
                "Remedy: delete its folder there and run again"
            ) from error
        raise


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Only errors from the log of TFDS, and nothing on standard output, which belongs to the caller."""
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(before)


@contextlib.contextmanager
def _own_random() -> Iterator[None]:
    """Python's random numbers seeded afresh, then as before.

    TFDS names temporary folders by them: two processes with equal seeds would write into one.
    """
    before = random.getstate()
    random.seed()
    try:
        yield
    finally:
        random.setstate(before)
