"""Texts read one after another, whenever they are asked for, so that they never need fit into memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from keraseq.tasks.config import TaskConfig
from keraseq.tasks.source import Data, Raw, about, explained, open_builder, prepare, splits_of


def read_texts(config: TaskConfig, data_dir: str | None) -> Data:
    """The feature `text` of the data set of a task; validation is its own, else the last texts of train."""
    builder = open_builder(config.builder, data_dir)
    name = config.called
    prepare(builder, name, data_dir)
    splits = splits_of(builder, name)
    if "validation" not in splits:
        held = max(1, round(builder.info.splits[splits["train"]].num_examples * config.validation))
        splits |= {"train": f"train[:-{held}]", "validation": f"train[-{held}:]"}
    texts = {split: Texts(builder, part, name, data_dir) for split, part in splits.items()}
    return Data({split: Raw(found, found) for split, found in texts.items()}, None, about(builder))


class Texts(Sequence[str]):
    """The texts of a part of a data set, in its order, read anew in every pass.

    Args:
        builder: prepared.
        part: of it, such as `"train[:-100]"`.
        name, data_dir: the task and the folder, for messages.
    """

    def __init__(self, builder: Any, part: str, name: str, data_dir: str | None):
        self.builder = builder
        self.part = part
        self.name = name
        self.data_dir = data_dir

    def __len__(self) -> int:
        return int(self.builder.info.splits[self.part].num_examples)

    def __getitem__(self, index: Any) -> Any:
        stop = index.stop if isinstance(index, slice) else index + 1
        return list(itertools.islice(self, stop))[index]

    def __iter__(self) -> Iterator[str]:
        with explained(self.name, self.data_dir):
            for example in self.builder.as_dataset(split=self.part, shuffle_files=False).as_numpy_iterator():
                yield example["text"].decode("utf-8", "replace")
