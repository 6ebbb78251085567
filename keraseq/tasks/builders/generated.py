"""What the TFDS builders of generated data sets share."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow_datasets as tfds

CHUNK = 1000  # sequences drawn at once


@dataclass(eq=False)
class GeneratedConfig(tfds.core.BuilderConfig):
    """Which sequences are generated; the name of the configuration tells them all.

    Attributes:
        length: of every sequence.
        train_examples, test_examples: sequences of the splits.
        seed: of the random numbers; the splits draw from streams of their own.
    """

    length: int = 200
    train_examples: int = 10_000
    test_examples: int = 1_000
    seed: int = 0

    @classmethod
    def of(cls, length: int, train_examples: int, test_examples: int, seed: int) -> GeneratedConfig:
        """The configuration with these values and the name that tells them."""
        return cls(
            name=f"length_{length}_train_{train_examples}_test_{test_examples}_seed_{seed}",
            version="1.0.0",
            length=length,
            train_examples=train_examples,
            test_examples=test_examples,
            seed=seed,
        )
