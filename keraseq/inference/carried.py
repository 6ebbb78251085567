"""A model whose state goes on from batch to batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.inference.stepwise import Stepwise


class Carried(keras.Model):
    """A causal model whose rows go on where they ended a batch before: truncated backpropagation through time.

        y, s_after = model(x, s_before),   s_before constant to the gradient

    Weights are shared with the model. `reset` starts all rows anew; `resetting` does so whenever an epoch or an
    evaluation begins.

    Args:
        model: a functional model whose state has one size: of a recurrent, convolutional or state-space family.
        batch_size: rows of every batch.

    Raises:
        UsageError: a layer looks ahead, or its state grows with every step, as that of attention does.

    Reference: Williams and Peng 1990, doi:10.1162/neco.1990.2.4.490.
    """

    def __init__(self, model: keras.Model, batch_size: int):
        super().__init__(name=model.name)
        self.model = model
        self.stepwise = Stepwise(model)
        start = self.stepwise.initial_state(batch_size)
        nothing = [ops.zeros((batch_size, 1, *given.shape[2:]), given.dtype) for given in model.inputs]
        after = self.stepwise.stream(nothing, start)[1]
        grows = [a.shape != b.shape for a, b in zip(keras.tree.flatten(start), keras.tree.flatten(after), strict=True)]
        check(
            not any(grows),
            f"the state of {model.name!r} grows with every step and cannot be carried on. Remedy: carry=False, or a "
            "family such as lstm, tcn or s4d",
        )
        self.start = [ops.convert_to_numpy(part) for part in keras.tree.flatten(start)]
        self.structure = keras.tree.map_structure(lambda part: None, start)
        self.state = [
            self.add_weight(shape=part.shape, initializer="zeros", dtype=str(part.dtype), trainable=False)
            for part in self.start
        ]
        self.reset()

    def call(self, x: Any, training: bool = False) -> Any:
        before = keras.tree.pack_sequence_as(self.structure, [ops.convert_to_tensor(part) for part in self.state])
        y, after = self.stepwise.stream(x, before)
        for part, value in zip(self.state, keras.tree.flatten(after), strict=True):
            part.assign(ops.stop_gradient(value))
        return y

    def reset(self) -> None:
        """Every row starts anew."""
        for part, value in zip(self.state, self.start, strict=True):
            part.assign(value)

    def resetting(self) -> keras.callbacks.Callback:
        """Resets whenever an epoch or an evaluation begins."""
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.reset(),
            on_test_begin=lambda logs: self.reset(),
        )
