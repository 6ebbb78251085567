"""Training in stages: early epochs see part of the data, or the beginnings of its sequences, and the rest sees all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from keraseq.config import check

if TYPE_CHECKING:
    import tensorflow as tf

    from keraseq.tasks import Task


@dataclass(frozen=True)
class Stage:
    """Some epochs of a training.

    Attributes:
        until: the epoch that ends it, counted from the beginning of the training.
        task: whose training split is seen; the validation split is that of the whole training.
        share: part of the examples that is seen, the same in every epoch, in (0, 1].
    """

    until: int
    task: Task
    share: float = 1.0

    def __post_init__(self) -> None:
        check(0 < self.share <= 1, f"share must be in (0, 1]; got {self.share}")

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return self.task.steps("train", share=self.share)

    def data(self, seed: int, epoch: int) -> tf.data.Dataset:
        """Its batches from an epoch on, which is counted from 0."""
        return self.task.dataset("train", seed=seed, epoch=epoch, share=self.share)


class OneTraining(keras.callbacks.CallbackList):
    """Several calls of Keras' `fit` as one training to its callbacks: it begins with the first, and ends with `end`."""

    def __init__(self, callbacks: Iterable[keras.callbacks.Callback], model: keras.Model):
        super().__init__(list(callbacks), add_history=True, model=model)
        self._begun = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._begun:
            self._begun = True
            super().on_train_begin(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        pass

    def end(self) -> None:
        """The training has ended."""
        super().on_train_end()
