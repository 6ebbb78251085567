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

        The initial state may be left out as None in order that whole sequences take the fastest way.
        """

    def call(self, x: Any, mask: Any = None, training: bool = False, state: State | None = None) -> Any:
        y, after = self.run(x, state, mask, training)
        return y if state is None else (y, after)

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
        self.check_streams()
        return self(ops.convert_to_tensor(x), mask=mask, state=state)

    def step(self, x_t: Any, state: State) -> tuple[Any, State]:
        """One step: `(batch, features)` and the state before → `(batch, …)` and the state after."""
        y, state = self.stream(ops.expand_dims(ops.convert_to_tensor(x_t), 1), state)
        return ops.squeeze(y, 1), state

    def check_streams(self) -> None:
        """Raises UsageError where this layer looks ahead, or has no weights yet."""
        name = f"{type(self).__name__} {self.name!r}"
        check(self.causal, f"{name} cannot run step by step: as configured, its steps depend on later ones")
        check(self.built, f"{name} has no weights yet; call it or build it before running it step by step")


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
