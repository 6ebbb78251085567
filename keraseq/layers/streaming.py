"""Layers that run step by step: what a step needs of the past is a state that is handed on."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keraseq.config import check

State = Any
"""Tensors in nested tuples, each with the batch first, or without axes."""

Shape = tuple[int | None, ...]


class Held:
    """A state on its way into a layer: Keras casts the tensors that a layer is called with to its compute type.

    What sums over all steps stays in float32 between steps, as it does within a call.
    """

    def __init__(self, state: State):
        self.state = state


class Streaming(keras.Layer):
    """A layer whose steps need only what came before, and that can be run in pieces.

    A subclass writes `initial_state` and `run`; `call`, `stream` and `step` follow, so that all of them are one
    computation: pieces of any lengths, with the state handed on, give what one call gives on the whole.

    A subclass that is causal in some configurations alone says so by its attribute `causal`.
    """

    causal: bool = True

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    @abstractmethod
    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        """The state before the first step.

        Args:
            batch_size: rows.
            max_length: steps that will be run at most, where that is known: every state then has one fixed shape, as a
                compiled loop needs. None lets a layer that remembers every step grow its state.

        Raises:
            UsageError: the layer, as configured, looks ahead, or has no weights yet.
        """

    @abstractmethod
    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        """`(batch, time, features)` and the state before → outputs, and the state after. None is the initial state.

        The initial state may be left out as None in order that whole sequences take the fastest way; nobody then reads
        the state after.
        """

    def call(self, x: Any, mask: Any = None, training: bool = False, held: Held | None = None) -> Any:
        if held is None:
            return self.run(x, None, mask, training)[0]
        self.check_streams()
        return self.run(x, held.state, mask, training)

    def stream(self, x: Any, state: State, mask: Any = None) -> tuple[Any, State]:
        """The next steps of a sequence.

        Args:
            x: `(batch, time, features)`, time at least 1.
            state: from `initial_state` or the call before.
            mask: bool, `(batch, time)`, True at valid steps, or None where all are.

        Returns:
            Outputs, `(batch, time, …)`, and the state after the last step.

        Raises:
            UsageError: the layer, as configured, looks ahead.
        """
        return self(ops.convert_to_tensor(x), mask=mask, held=Held(state))

    def step(self, x_t: Any, state: State) -> tuple[Any, State]:
        """One step: `(batch, features)` and the state before → `(batch, …)` and the state after."""
        y, state = self.stream(ops.expand_dims(ops.convert_to_tensor(x_t), 1), state)
        return ops.squeeze(y, 1), state

    def check_streams(self) -> None:
        """Raises UsageError where this layer looks ahead, or has no weights yet."""
        name = f"{type(self).__name__} {self.name!r}"
        check(self.causal, f"{name} cannot run step by step: as configured, its steps depend on later ones")
        check(self.built, f"{name} has no weights yet; call it or build it before running it step by step")


def through(layer: Streaming, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State | None]:
    """A part of a layer's `run`: its outputs, and its state after where one was given."""
    if state is None:
        return layer(x, mask=mask, training=training), None
    return layer(x, mask=mask, training=training, held=Held(state))


class Pointwise(Streaming):
    """A layer that treats each step alone: its state is empty. A subclass writes `transform`."""

    @abstractmethod
    def transform(self, x: Any, training: bool) -> Any:
        """`(batch, time, features)` → `(batch, time, …)`, each step by itself."""

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return ()

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        return self.transform(x, training), ()


class CrossStreaming(Streaming):
    """A layer of two inputs, `layer(x, context)`: steps of `x` come one after another, the context is there at once.

    A subclass writes `remember` and `read`. Its state is what it remembers of the context, which no step changes, and
    what steps of `x` leave for later ones: by default nothing.
    """

    @abstractmethod
    def remember(self, context: Any, context_mask: Any) -> State:
        """What steps read of the context, `(batch, context time, features)`, such as keys, values and its mask."""

    @abstractmethod
    def read(self, x: Any, memory: State, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        """`(batch, time, features)`, what `remember` gave and the state of `x` before → outputs, and that state after.

        As in `Streaming.run`, None is the initial state.
        """

    def steps_state(self, batch_size: int, max_length: int | None) -> State:
        """The state of `x` before its first step; arguments as in `initial_state`."""
        return ()

    def initial_state(
        self, batch_size: int, max_length: int | None = None, context: Any = None, context_mask: Any = None
    ) -> State:
        """The state before the first step, with all that any step needs of the context.

        Args:
            batch_size, max_length: as in `Streaming.initial_state`.
            context: `(batch, context time, features)`.
            context_mask: bool, `(batch, context time)`, True at valid steps, or None where all are.

        Raises:
            UsageError: no context, or the layer, as configured, looks ahead, or has no weights yet.
        """
        self.check_streams()
        check(context is not None, f"{type(self).__name__} {self.name!r} needs the context to start from; got None")
        context = ops.cast(ops.convert_to_tensor(context), self.compute_dtype)
        if context_mask is None:
            context_mask = ops.ones(ops.shape(context)[:2], dtype="bool")
        context_mask = ops.cast(ops.convert_to_tensor(context_mask), "bool")
        return self.remember(context, context_mask), self.steps_state(batch_size, max_length)

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        assert state is not None
        memory, before = state
        y, after = self.read(x, memory, before, mask, training)
        return y, (memory, after)

    def call(  # type: ignore[override]  # Keras finds masks by the names of the inputs
        self,
        x: Any,
        context: Any = None,
        x_mask: Any = None,
        context_mask: Any = None,
        training: bool = False,
        held: Held | None = None,
    ) -> Any:
        if held is None:
            return self.run(x, (self.remember(context, context_mask), None), x_mask, training)[0]
        self.check_streams()
        return self.run(x, held.state, x_mask, training)

    def stream(self, x: Any, state: State, mask: Any = None) -> tuple[Any, State]:
        return self(ops.convert_to_tensor(x), x_mask=mask, held=Held(state))
