"""Training in stages: early epochs see part of the data, or the beginnings of its sequences, and the rest sees all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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

    def data(self, seed: int, epoch: int, batch: int = 0) -> tf.data.Dataset:
        """Its batches from an epoch on, and from a batch of that one; both are counted from 0."""
        return self.task.dataset("train", seed=seed, epoch=epoch, skip=batch, share=self.share)


@dataclass(frozen=True)
class Part:
    """Epochs that one call of Keras' `fit` trains.

    Attributes:
        stage: that they are of.
        begin: number of the first, from 0.
        until: number of the first that no longer belongs to it.
        batch: the first epoch begins with this one.
    """

    stage: Stage
    begin: int
    until: int
    batch: int = 0


def parts(stages: Sequence[Stage], epoch: int = 0, batch: int = 0) -> Iterator[Part]:
    """What is left to train from a batch of an epoch on: the rest of that epoch by itself, then stage by stage."""
    for stage in stages:
        if batch and epoch < stage.until:
            yield Part(stage, epoch, epoch + 1, batch)
            epoch, batch = epoch + 1, 0
        if epoch < stage.until:
            yield Part(stage, epoch, stage.until)
            epoch = stage.until


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
        """The training has ended, even if nothing of it was left."""
        self.on_train_begin()
        super().on_train_end()
