"""Writing a target sequence with an encoder–decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.inference.stepwise import Stepwise
from keraseq.ops.compiled import compiled
from keraseq.ops.graph import mask_of


class GreedyDecoder:
    """Writes the likeliest symbol at each step until the end symbol, step by step, in one compiled loop.

        y_t = argmax_v p(v | y_<t, source)

    Args:
        model: an encoder–decoder from `keraseq.create_model`.
        start, end: symbols that begin and end a target.
        max_length: symbols that are written at most, the end symbol counted, at least 1.

    Raises:
        UsageError: the model is no encoder–decoder, or max_length below 1.

    Example:
        >>> decoder = GreedyDecoder(model, output.start, output.end, max_length=64)     # doctest: +SKIP
        >>> decoder(source)                                                             # doctest: +SKIP
        array([[5, 9, 2, 0, 0, …
    """

    def __init__(self, model: keras.Model, start: int, end: int, max_length: int):
        names = {layer.name for layer in model.layers}
        check({"encoder", "decoder"} <= names, f"model {model.name!r} is no encoder–decoder: it has {sorted(names)}")
        check(max_length >= 1, f"max_length must be at least 1; got {max_length}")
        self.encoder = model.get_layer("encoder")
        self.stepwise = Stepwise(model.get_layer("decoder"))
        self.start = start
        self.end = end
        self.max_length = max_length
        self._decode: Callable[..., Any] = compiled(self._loop, model)

    def __call__(self, source: Any) -> Any:
        """Symbols that follow the start symbol, int32 NumPy array, `(batch, max_length)`; 0 behind the end symbol.

        Args:
            source: a batch of what the encoder takes.
        """
        return ops.convert_to_numpy(self._decode(keras.tree.map_structure(ops.convert_to_tensor, source)))

    def _loop(self, source: Any) -> Any:
        context = self.encoder(source, training=False)
        valid = mask_of(context)
        batch = ops.shape(context)[0]
        state = self.stepwise.initial_state(batch, self.max_length, context, valid)

        def unfinished(t: Any, symbol: Any, done: Any, written: Any, state: Any) -> Any:
            return ops.logical_and(t < self.max_length, ops.logical_not(ops.all(done)))

        def write(t: Any, symbol: Any, done: Any, written: Any, state: Any) -> tuple[Any, ...]:
            logits, state = self.stepwise.step(symbol, state)
            # Symbol 0 is padding and never written; rows that have ended read and write it.
            symbol = 1 + ops.cast(ops.argmax(logits[:, 1:], axis=-1), "int32")
            symbol = ops.where(done, 0, symbol)
            written = ops.where(ops.arange(self.max_length)[None] == t, symbol[:, None], written)
            return t + 1, symbol, ops.logical_or(done, symbol == self.end), written, state

        first = ops.full((batch,), self.start, dtype="int32")
        written = ops.zeros((batch, self.max_length), dtype="int32")
        start = (ops.convert_to_tensor(0, "int32"), first, ops.zeros((batch,), dtype="bool"), written, state)
        return ops.while_loop(unfinished, write, start, maximum_iterations=self.max_length)[3]
