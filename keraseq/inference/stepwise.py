"""A whole model run step by step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.errors import UsageError
from keraseq.layers.blank_padding import BlankPadding
from keraseq.layers.masking import AttachMask
from keraseq.layers.streaming import CrossStreaming, State, Streaming
from keraseq.ops.graph import mask_of, operations, run_graph

CONTEXT = "context"
"""Name of the input of a decoder that is read as a whole and not step by step."""

_STEP_BY_STEP = (
    AttachMask,
    BlankPadding,
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.Embedding,
    keras.layers.Identity,
    keras.layers.InputLayer,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.Multiply,
    keras.layers.Normalization,
    keras.layers.RMSNormalization,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.ReversibleEmbedding,
    keras.layers.SpatialDropout1D,
    keras.layers.Subtract,
)
"""Layers that treat each step alone and have no state."""

_ELEMENTWISE = frozenset({"Add", "Cast", "Multiply", "Sigmoid", "Silu", "Subtract", "Tanh"})
"""Operations of `keras.ops` that treat each number alone."""

_OF_MASKS = frozenset({"Any", "LogicalAnd", "LogicalOr", "NotEqual"})
"""Operations of `keras.ops` that Keras puts masks together with, each step alone."""


class Stepwise:
    """A functional model with the state of its layers between steps.

    Pieces of any lengths, with the state handed on, give what one call of the model gives on the whole sequence, while
    the work for a step does not grow with what came before, unless a layer remembers all of it, as attention does.

    Args:
        model: a functional model, or a backbone, that gives a sequence. Weights are shared with it, not copied. An
            input called "context" is what cross-attention reads; all others come step by step.

    Raises:
        UsageError: the model has a layer that looks ahead or back without a state to carry.

    Example:
        >>> stepwise = Stepwise(model)                                    # doctest: +SKIP
        >>> state = stepwise.initial_state(batch_size=1)                  # doctest: +SKIP
        >>> y_t, state = stepwise.step(x_t, state)                        # doctest: +SKIP
    """

    def __init__(self, model: keras.Model):
        self.model = model
        for operation in operations(model):
            _check(operation)
        self._layers = [operation for operation in operations(model) if isinstance(operation, Streaming)]

    def initial_state(
        self, batch_size: int, max_length: int | None = None, context: Any = None, context_mask: Any = None
    ) -> State:
        """The state before the first step, one part for each layer that carries one.

        Args:
            batch_size: rows.
            max_length: steps that will be run at most; given, no part of the state grows: see `Streaming`.
            context, context_mask: what cross-attention reads, `(batch, context time, features)`, and which steps of it
                are valid, None where all are.
        """
        state = []
        for layer in self._layers:
            read = {"context": context, "context_mask": context_mask} if isinstance(layer, CrossStreaming) else {}
            state.append(layer.initial_state(batch_size, max_length, **read))
        return tuple(state)

    def stream(self, x: Any, state: State) -> tuple[Any, State]:
        """The next steps, `(batch, time, …)`, and the state before → outputs of these steps, and the state after.

        Args:
            x: what the model takes, without the context: features `(batch, time, features)`, tokens `(batch, time)`, or
                a dictionary of `values` and `mask`.
            state: from `initial_state` or the call before.
        """
        before, after = iter(state), []

        def run(operation: Any) -> Any:
            if not isinstance(operation, Streaming):
                return operation

            def piece(x: Any, *context: Any, **named: Any) -> Any:
                y, state = operation.stream(x, next(before), mask_of(x))
                after.append(state)
                return y

            return piece

        steps = iter(keras.tree.flatten(x))
        inputs = [None if given.name == CONTEXT else next(steps) for given in self.model.inputs]
        return run_graph(self.model, inputs, run), tuple(after)

    def step(self, x_t: Any, state: State) -> tuple[Any, State]:
        """One step, `(batch, features)` or tokens `(batch,)`, and the state before → output, and the state after."""
        x = keras.tree.map_structure(lambda part: ops.expand_dims(ops.convert_to_tensor(part), 1), x_t)
        y, state = self.stream(x, state)
        return ops.squeeze(y, 1), state


def _check(operation: Any) -> None:
    """Raises UsageError where an operation of the model cannot be run step by step."""
    if isinstance(operation, Streaming):
        operation.check_streams()
    elif not (
        (isinstance(operation, _STEP_BY_STEP) and _over_features(operation))
        or type(operation).__name__ in _ELEMENTWISE
        or type(operation).__name__ in _OF_MASKS
    ):
        raise UsageError(
            f"{type(operation).__name__} {operation.name!r} cannot run step by step: it is neither known to treat each "
            "step alone nor a keraseq.layers.streaming.Streaming layer"
        )


def _over_features(operation: Any) -> bool:
    """Whether a layer that normalises does so over the features, and not over time."""
    axis = getattr(operation, "axis", None)
    axes = list(axis) if isinstance(axis, list | tuple) else [axis]
    return axis is None or axes in ([-1], [len(operation.input.shape) - 1])
