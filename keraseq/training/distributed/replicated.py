"""A model that is trained on all replicas of a `tf.distribute` strategy, to the numbers of one device."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import keras
import tensorflow as tf

from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.tasks import Task
from keraseq.training.distributed.copies import check_parts, copied, synchronise
from keraseq.training.distributed.shares import share, total, weighted
from keraseq.training.optimizers import clipped, dense, optimizer
from keraseq.training.settings import Training


class Replicated:
    """A copy of a model, whose variables every replica of the strategy in scope holds, trained in the model's stead.

        gradient = ∇ Σ_r total_r / Σ_r count_r

    over the shares of a batch that its replicas r take: the gradient of the mean over the batch as a whole, whatever
    its rows, padding and weights, and however it is divided. It is then clipped, and every replica makes the same step.
    Metrics sum over replicas too. Dropout draws the same masks in every replica.

    To callbacks it is the copied model: what is not found here is found there.

    Args:
        model: a functional model of layers that `from_config` makes again.
        task: gives loss and metrics.
        training: settings.
        steps: batches of the whole training.
        jit_compile: whether XLA compiles what a replica does by itself: outputs, loss and gradients.

    Attributes:
        stop_training: set by callbacks.

    Raises:
        UsageError: the model scales its loss, as `mixed_float16` does, or normalises batches under a mask or under XLA,
            or a TPU would get batches of unequal parts.

    Reference: Goyal et al. 2017, arXiv:1706.02677, section 2.3.
    """

    def __init__(self, model: keras.Model, task: Task, training: Training, steps: int, jit_compile: bool = False):
        if any(layer.compute_dtype == "float16" for layer in model.layers):
            raise UsageError(
                "float16 needs a scaled loss, which is kept on one device alone; use precision mixed_bfloat16 with a "
                "distributed strategy"
            )
        self.strategy = tf.distribute.get_strategy()
        self.replicas = self.strategy.num_replicas_in_sync
        if isinstance(self.strategy, tf.distribute.TPUStrategy):
            check_parts(task, self.replicas)
        self.training = training
        self.copied = copied(model)
        check(
            not (synchronise(self.copied) and jit_compile),
            "batch normalisation takes its statistics of all replicas in the midst of what XLA would compile; leave "
            "jit_compile out, or normalise by layers.LayerNormalization",
        )
        self.loss: keras.losses.Loss = task.output.smoothed(training.label_smoothing).loss()
        self.mean_loss = keras.metrics.Mean(name="loss")
        self.metrics = [*task.output.metrics(), self.mean_loss]
        self.optimizer = optimizer(training, steps, summed=True)
        self.optimizer.build(self.copied.trainable_variables)
        self.accumulated = (
            [keras.Variable(keras.ops.zeros_like(v), trainable=False) for v in self.copied.trainable_variables]
            if training.accumulate > 1
            else []
        )
        self.stop_training = False
        self._differentiate = tf.function(self._gradients, jit_compile=True) if jit_compile else self._gradients
        self._train = tf.function(self._replicas_train, reduce_retracing=True)
        self._test = tf.function(self._replicas_test, reduce_retracing=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["copied"], name)

    @property
    def metrics_variables(self) -> list[keras.Variable]:
        """What metrics have summed, and the gradients that wait for their step."""
        return [*(variable for metric in self.metrics for variable in metric.variables), *self.accumulated]

    def fit(
        self,
        data: Iterable[Any],
        *,
        validation_data: Iterable[Any] | None = None,
        initial_epoch: int = 0,
        epochs: int = 1,
        callbacks: Any = (),
        **_: Any,
    ) -> None:
        """As Keras' own `fit`, from one epoch to another."""
        callbacks = self._together(callbacks)
        self.stop_training = False
        callbacks.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            self._reset()
            callbacks.on_epoch_begin(epoch)
            left, end = iter(data), 0
            while batches := tuple(islice(left, self.training.steps_per_execution)):
                callbacks.on_train_batch_begin(end)
                loss = self._train(batches, self._are_whole(len(batches)))
                end += len(batches)
                callbacks.on_train_batch_end(end - 1, {"loss": float(loss)})
                if self.stop_training:
                    break
            logs = self._results()
            if validation_data is not None:
                validated = self.evaluate(validation_data, callbacks=callbacks)
                logs |= {f"val_{name}": value for name, value in validated.items()}
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break

    def evaluate(self, data: Iterable[Any], *, callbacks: Any = (), **_: Any) -> dict[str, float]:
        """Loss and metrics over all of the data."""
        callbacks = self._together(callbacks)
        callbacks.on_test_begin()
        self._reset()
        for number, batch in enumerate(data):
            callbacks.on_test_batch_begin(number)
            loss = self._test(batch)
            callbacks.on_test_batch_end(number, {"loss": float(loss)})
        results = self._results()
        callbacks.on_test_end(results)
        return results

    def test_on_batch(self, *batch: Any) -> None:
        """Nothing to create: all variables are there from the beginning."""

    def _are_whole(self, count: int) -> tuple[bool, ...]:
        """Whether each of the next batches completes a gradient; without accumulation nothing waits for the devices."""
        every = self.training.accumulate
        if every == 1:
            return (True,) * count
        seen = int(self.optimizer.iterations.numpy())
        return tuple((seen + number) % every == 0 for number in range(1, count + 1))

    def _together(self, callbacks: Any) -> keras.callbacks.CallbackList:
        if isinstance(callbacks, keras.callbacks.CallbackList):
            return callbacks
        return keras.callbacks.CallbackList(list(callbacks), model=self)

    def _reset(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def _results(self) -> dict[str, float]:
        return {metric.name: float(metric.result()) for metric in self.metrics}

    def _replicas_train(self, batches: tuple[Any, ...], whole: tuple[bool, ...]) -> tf.Tensor:
        losses = self.strategy.run(self._train_shares, args=(batches, whole))
        return self.strategy.experimental_local_results(losses)[0]

    def _replicas_test(self, batch: Any) -> tf.Tensor:
        losses = self.strategy.run(self._test_share, args=(batch,))
        return self.strategy.experimental_local_results(losses)[0]

    def _train_shares(self, batches: tuple[Any, ...], whole: tuple[bool, ...]) -> tf.Tensor:
        """One replica's part of some steps; the loss is that of the last."""
        return [self._train_share(*step) for step in zip(batches, whole, strict=True)][-1]

    def _train_share(self, batch: Any, whole: bool) -> tf.Tensor:
        """One replica's part of a step; the loss is that of the batch as a whole."""
        mine = self._mine(batch)
        outputs, part, count, gradients = self._differentiate(*mine)
        part, count, gradients = _summed((part, count, gradients))
        self._step([g / tf.maximum(count, 1e-9) for g in gradients], whole)
        return self._noted(batch, mine, outputs, part, count)

    def _test_share(self, batch: Any) -> tf.Tensor:
        mine = self._mine(batch)
        outputs, part, count = self._forward(*mine, training=False)
        return self._noted(batch, mine, outputs, *_summed((part, count)))

    def _mine(self, batch: Any) -> tuple[Any, Any, Any, Any]:
        """The inputs and targets of this replica, which of its rows are real, and what they weigh."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        (inputs, targets, *weights), real = share(batch, replica, self.replicas)
        return inputs, targets, real, weighted(real, weights[0] if weights else None)

    def _forward(self, inputs: Any, targets: Any, real: Any, weight: Any, training: bool) -> tuple[Any, Any, Any]:
        """What this replica's rows come to: outputs, the sum of their losses, and what that is to be divided by."""
        outputs = self.copied(inputs, training=training)
        return outputs, *total(self.loss, targets, outputs, real, weight)

    def _gradients(self, inputs: Any, targets: Any, real: Any, weight: Any) -> tuple[Any, Any, Any, list[Any]]:
        """As `_forward`, with the gradients of the sum, and of what weights cost, once for each that counts."""
        variables = [variable.value for variable in self.copied.trainable_variables]
        with tf.GradientTape() as tape:
            outputs, part, count = self._forward(inputs, targets, real, weight, training=True)
            penalties = self.copied.losses
            mine = part + tf.add_n(penalties) * tf.stop_gradient(count) if penalties else part
        gradients = tape.gradient(mine, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return outputs, part, count, list(map(dense, gradients))

    def _noted(self, batch: Any, mine: Any, outputs: Any, part: Any, count: Any) -> tf.Tensor:
        """The loss of a whole batch; metrics see this replica's rows."""
        _, targets, _, weight = mine
        for metric in self.metrics[:-1]:
            metric.update_state(targets, outputs, sample_weight=weight)
        loss = part / tf.maximum(count, 1e-9)
        rows = tf.cast(tf.shape(tf.nest.flatten(batch)[0])[0], tf.float32)
        self.mean_loss.update_state(loss, sample_weight=rows / self.replicas)
        return loss

    def _step(self, gradients: list[tf.Tensor], whole: bool) -> None:
        """Accumulates gradients until they are whole, then applies them."""
        gradients = self.optimizer.watch(gradients)
        if self.accumulated:
            gradients = [a + g for a, g in zip(self.accumulated, gradients, strict=True)]
            for variable, gradient in zip(self.accumulated, gradients, strict=True):
                variable.assign(tf.zeros_like(gradient) if whole else gradient)
        if whole:
            gradients = [g / self.training.accumulate for g in gradients]
            self.optimizer.apply(clipped(gradients, self.training), self.copied.trainable_variables)
        else:
            self.optimizer.iterations.assign_add(1)
            self.optimizer.move_averages()


def _summed(parts: Any) -> Any:
    """Tensors of this replica, in a structure, summed over all replicas."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, parts)
