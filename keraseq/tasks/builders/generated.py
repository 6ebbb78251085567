"""What the TFDS builders of generated data sets share."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow_datasets as tfds

from keraseq.config import check

CHUNK = 1000  # sequences drawn at once
PATIENCE = 100_000  # sequences drawn in vain before there are taken to be no more


class Generates(Protocol):
    """The settings of a task whose data are made on this machine."""

    def generation(self) -> dict[str, Any]:
        """Those that decide what is made."""


@dataclass(eq=False)
class GeneratedConfig(tfds.core.BuilderConfig):
    """Which sequences are generated; the name of the configuration tells it all.

    Attributes:
        task: the settings.
    """

    task: Generates | None = None

    @classmethod
    def of(cls, task: Generates) -> GeneratedConfig:
        """The configuration with these settings and the name that tells them."""
        name = "_".join(f"{name}_{value}" for name, value in task.generation().items())
        return cls(name=name, version="1.0.0", task=task)


class Generated(tfds.core.GeneratorBasedBuilder):
    """Sequences that are drawn from a seed, each with its target; none occurs twice, within a split or across both.

    A subclass writes `draw`, and `_info` by `describe`. Train and test draw from streams of their own, train first: of
    lengths that have few sequences, train takes what it draws and test what is left.
    """

    label = "label"

    @abstractmethod
    def draw(self, random: np.random.Generator, count: int, lengths: range) -> Iterable[tuple[np.ndarray, Any]]:
        """At most `count` sequences of `lengths`, each with its target."""

    def describe(self, description: str, *, sequence: Any, target: Any, homepage: str, citation: str) -> Any:
        """What TFDS wants to know: `sequence` and `target` are features."""
        return tfds.core.DatasetInfo(
            builder=self,
            description=description,
            features=tfds.features.FeaturesDict({"sequence": sequence, self.label: target}),
            supervised_keys=("sequence", self.label),
            homepage=homepage,
            citation=citation,
            license="generated: no rights reserved",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        seen: set[bytes] = set()
        return {split: self._generate_examples(split, seen) for split in ("train", "test")}

    def _generate_examples(self, split: str, seen: set[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
        task = self.builder_config.task
        stream, count = {"train": (0, task.train_examples), "test": (1, task.test_examples)}[split]
        random = np.random.default_rng((task.data_seed, stream))
        lengths = task.lengths(split)
        found = wasted = 0
        while found < count:
            asked, before = min(CHUNK, count - found), found
            for sequence, target in self.draw(random, asked, lengths):
                mark = hashlib.blake2b(sequence.tobytes(), digest_size=16).digest()
                if mark not in seen:
                    seen.add(mark)
                    yield found, {"sequence": sequence, self.label: target}
                    found += 1
            wasted = 0 if found > before else wasted + asked
            check(
                wasted < PATIENCE,
                f"{self.name}: there are not {count} sequences for {split}, of length {lengths[0]} … {lengths[-1]}, "
                f"that differ; got {found}. Remedy: fewer examples, or a greater length",
            )
