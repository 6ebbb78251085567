"""Recurrent layers: a state carried from step to step."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from keraseq.config import check
from keraseq.ops import recurrence
from keraseq.registry import layers

Shape = tuple[int | None, ...]


class Recurrent(keras.Layer):
    """What the recurrent layers share: weights, projection of all inputs at once, direction.

    Args:
        units: size of the state and of the output, at least 1.
        kernel_initializer: of the input weights.
        recurrent_initializer: of the state's weights.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.
    """

    gates: ClassVar[int]

    def __init__(
        self,
        units: int,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        reverse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(isinstance(units, int) and units >= 1, f"units must be a whole number of at least 1; got {units!r}")
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.reverse = reverse
        self.supports_masking = True

    @property
    def causal(self) -> bool:
        """Whether no output depends on later steps."""
        return not self.reverse

    def build(self, input_shape: Shape) -> None:
        width = self.gates * self.units
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], width), initializer=self.kernel_initializer
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, width), initializer=self.recurrent_initializer
        )
        self.bias = self.add_weight(name="bias", shape=(width,), initializer=self.initial_bias)

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Any:
        """Zeros; a subclass may start its gates elsewhere."""
        return ops.zeros(shape, dtype)

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        x = ops.flip(x, axis=1) if self.reverse else x
        mask = ops.flip(mask, axis=1) if self.reverse and mask is not None else mask
        projected = ops.matmul(x, self.kernel) + ops.cast(self.bias, self.compute_dtype)
        h0 = ops.zeros((ops.shape(x)[0], self.units), dtype=projected.dtype)
        hs = self.run(projected, ops.convert_to_tensor(self.recurrent_kernel), h0, mask)
        return ops.flip(hs, axis=1) if self.reverse else hs

    def run(self, projected: Any, kernel: Any, h0: Any, mask: Any) -> Any:
        """All hidden states, `(batch, time, units)`, from a state of zeros."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "reverse": self.reverse,
        }


@layers.register("simple_rnn", tags={"recurrent", "causal"}, reference="doi:10.1207/s15516709cog1402_1")
@keras.saving.register_keras_serializable("keraseq")
class SimpleRNN(Recurrent):
    """Elman's recurrent network: the state is a squashed sum of input and previous state.

        h_t = tanh(W x_t + b + U h_(t-1)),   h_0 = 0

    Args:
        units: size of the state and of the output, at least 1.
        kernel_initializer: of W; Glorot uniform by default.
        recurrent_initializer: of U; orthogonal by default.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output repeats it. Passed on.

    Raises:
        UsageError: units below 1.

    Reference: Elman 1990, Finding structure in time, doi:10.1207/s15516709cog1402_1.

    Differs from the paper: tanh in place of the logistic function, and whole-sequence gradients.
    """

    gates = 1

    def run(self, projected: Any, kernel: Any, h0: Any, mask: Any) -> Any:
        return recurrence.simple_rnn(projected, kernel, None, h0, mask)[0]


@layers.register("gru", tags={"recurrent", "causal"}, reference="arXiv:1406.1078")
@keras.saving.register_keras_serializable("keraseq")
class GRU(Recurrent):
    """Gated recurrent unit: one gate mixes old state and candidate, another mutes the old state in the candidate.

        z_t = σ(W_z x_t + b_z + U_z h_(t-1))
        r_t = σ(W_r x_t + b_r + U_r h_(t-1))
        n_t = tanh(W_n x_t + b_n + r_t * (U_n h_(t-1) + b'_n))
        h_t = z_t * h_(t-1) + (1 - z_t) * n_t,   h_0 = 0

    Weights hold the gates in the order z, r, n.

    Args:
        units: size of the state and of the output, at least 1.
        kernel_initializer: of W; Glorot uniform by default.
        recurrent_initializer: of U; orthogonal by default.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output repeats it. Passed on.

    Raises:
        UsageError: units below 1.

    Reference: Cho et al. 2014, arXiv:1406.1078.

    Differs from the paper: the reset gate acts after the product, on `U_n h + b'_n`, as in cuDNN, where the paper has
    `U_n (r * h)`. `keras.layers.GRU(reset_after=True)` computes the same, with 2 · units more biases that add nothing.
    """

    gates = 3

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.recurrent_bias = self.add_weight(name="recurrent_bias", shape=(self.units,), initializer="zeros")

    def run(self, projected: Any, kernel: Any, h0: Any, mask: Any) -> Any:
        return recurrence.gru(projected, kernel, ops.convert_to_tensor(self.recurrent_bias), h0, mask)[0]


@layers.register("lstm", tags={"recurrent", "causal"}, reference="doi:10.1162/neco.1997.9.8.1735")
@keras.saving.register_keras_serializable("keraseq")
class LSTM(Recurrent):
    """Long short-term memory: a cell that is added to, behind gates for writing, forgetting and reading.

        i_t, f_t, o_t = σ(W x_t + b + U h_(t-1)),   g_t = tanh(W x_t + b + U h_(t-1))
        c_t = f_t * c_(t-1) + i_t * g_t
        h_t = o_t * tanh(c_t),   h_0 = c_0 = 0

    Each gate has its own W, U, b; weights hold them in the order i, f, g, o. The bias of f starts at 1.

    Args:
        units: size of the state and of the output, at least 1.
        kernel_initializer: of W; Glorot uniform by default.
        recurrent_initializer: of U; orthogonal by default.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output repeats it. Passed on.

    Raises:
        UsageError: units below 1.

    Reference: Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735.

    Differs from the paper: the forget gate of Gers et al. 2000, whole-sequence gradients, no peepholes.
    """

    gates = 4

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Any:
        gate = ops.ones((self.units,), dtype)
        return ops.concatenate([0 * gate, gate, 0 * gate, 0 * gate])

    def run(self, projected: Any, kernel: Any, h0: Any, mask: Any) -> Any:
        return recurrence.lstm(projected, kernel, None, (h0, h0), mask)[0]
