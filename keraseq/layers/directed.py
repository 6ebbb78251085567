"""Streaming layers that can run from the last step to the first instead."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from keras import ops

from keraseq.layers.streaming import State, Streaming


class Directed(Streaming):
    """A streaming layer with a direction. A subclass writes `advance`, which knows only of running forwards.

    Args:
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.
    """

    def __init__(self, reverse: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.reverse = reverse
        self.causal = not reverse

    @abstractmethod
    def advance(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        """As `Streaming.run`, from the first step to the last."""

    def run(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        if not self.reverse:
            return self.advance(x, state, mask, training)
        y, after = self.advance(ops.flip(x, axis=1), None, None if mask is None else ops.flip(mask, axis=1), training)
        return ops.flip(y, axis=1), after

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "reverse": self.reverse}
