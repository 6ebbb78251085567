"""What every optimizer here does beside its update: clips adaptively, measures gradients, and averages weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

FLOOR = 1e-3  # least norm that a unit's weights are taken to have, so that those at zero can grow


class Watched(keras.optimizers.Optimizer):
    """Mixed into a Keras optimizer: a class of both, with this one first.

        ‖g_u‖ ≤ λ · max(‖w_u‖, 10⁻³)      of each unit u, before anything else
        w̄ ← α · w̄ + (1 − α) · w            after every batch, from w̄ = w before the first

    Args:
        adaptive_clip: λ, above 0; None does not clip.
        average: α, in (0, 1); None keeps no average.
        summed: whether `apply` is given gradients that went through `watch` before and are summed over all replicas, so
            that Keras need not communicate them once more.
        kwargs: of the Keras optimizer.

    Attributes:
        norms: L2 norm of the latest gradient of each variable that was finite, float32, `(variables,)`.
        largest: largest global norm of a finite gradient since it was last set to zero.
        averages: of the variables, in their order; none without `average`.

    Reference: Brock et al. 2021, arXiv:2102.06171, equation 3 (clipping); Polyak and Juditsky 1992,
    doi:10.1137/0330046 (averaging).
    """

    def __init__(
        self,
        adaptive_clip: float | None = None,
        average: float | None = None,
        summed: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.adaptive_clip = adaptive_clip
        self.average = average
        self.summed = summed

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the variables of the optimizer, and those that watch it."""
        if self.built:
            return
        super().build(variables)
        found = tuple(variables)
        self._read_watched = lambda: found  # as an attribute they would count as variables of the optimizer
        self.norms = self.add_variable((len(self.watched),), name="gradient_norms", dtype="float32")
        self.largest = self.add_variable((), name="largest_gradient_norm", dtype="float32")
        averaged = self.watched if self.average else []
        self.averages = [
            self.add_variable_from_reference(v, "average", initializer=lambda shape, dtype, v=v: ops.cast(v, dtype))
            for v in averaged
        ]

    @property
    def watched(self) -> tuple[keras.Variable, ...]:
        """The variables that it updates."""
        return self._read_watched()

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Updates the variables by their gradients; a variable whose gradient is None stays as it is."""
        if trainable_variables is not None:
            self.build(trainable_variables)
        super().apply(grads if self.summed else self.watch(grads), trainable_variables)
        self.move_averages()

    def move_averages(self) -> None:
        """Brings the averages a batch nearer to the weights."""
        kept = self.average or 0.0
        for average, variable in zip(self.averages, self.watched, strict=False):
            average.assign(kept * average + (1 - kept) * variable)

    def watch(self, grads: Sequence[Any]) -> list[Any]:
        """Notes the norms of the gradients of a batch, and clips them adaptively."""
        grads = [g if g is None else dense(g) for g in grads]
        self._measure(grads)
        if not self.adaptive_clip:
            return grads
        pairs = zip(grads, self.watched, strict=True)
        return [g if g is None else by_unit(g, variable, self.adaptive_clip) for g, variable in pairs]

    def _measure(self, grads: Sequence[Any]) -> None:
        squares = ops.stack([0.0 if g is None else ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads])
        total = ops.sqrt(ops.sum(squares))
        finite = ops.isfinite(total)
        self.norms.assign(ops.where(finite, ops.sqrt(squares), self.norms.value))
        self.largest.assign(ops.where(finite, ops.maximum(total, self.largest.value), self.largest.value))

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars if self.summed else super()._all_reduce_sum_gradients(grads_and_vars)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Leaves the variables alone: whoever trains decides when they take their averages."""


def dense(gradient: Any) -> Any:
    """A gradient as one tensor. That of an embedding comes in slices, some of one row: only their sum has a norm."""
    if keras.backend.backend() != "tensorflow":
        return gradient
    import tensorflow as tf

    return tf.convert_to_tensor(gradient)


def by_unit(gradient: Any, variable: keras.Variable, clip: float) -> Any:
    """A gradient whose norm, unit by unit, is at most `clip` times that of the weights: a unit is a last index."""
    axes = tuple(range(len(variable.shape) - 1)) if len(variable.shape) > 1 else None
    norm = ops.sqrt(ops.sum(ops.square(gradient), axis=axes, keepdims=True))
    most = clip * ops.maximum(ops.sqrt(ops.sum(ops.square(variable), axis=axes, keepdims=True)), FLOOR)
    return gradient * ops.minimum(1.0, most / ops.maximum(norm, 1e-12))


def watched(model: keras.Model) -> Any:
    """The `Watched` optimizer that a model is compiled with, also inside one that scales the loss; None for another."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return optimizer if isinstance(optimizer, Watched) else None
