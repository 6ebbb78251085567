"""Recurrent layers whose gates see the input alone, so that all steps are found at once by a parallel scan."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.directed import Directed
from keraseq.layers.streaming import State
from keraseq.ops import masks
from keraseq.ops.linear_recurrence import linear_recurrence
from keraseq.registry import layers

Shape = tuple[int | None, ...]

CASES = ({"units": 5}, {"units": 3, "span": 8.0, "reverse": True, "kernel_initializer": "he_normal"})


class Minimal(Directed):
    """What the minimal recurrent layers share: one projection of all inputs, and the scan.

    Args:
        units: size of the state and of the output, at least 1.
        span: steps over which the slowest unit remembers at the start, at least 1; 64 by default. The units are spread
            evenly from 1 to it on a logarithmic scale.
        kernel_initializer: of W; Glorot uniform by default.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.
    """

    gates: ClassVar[int]
    signs: ClassVar[tuple[int, ...]]
    """For each gate whether its bias starts at the logarithm of the span, at minus that, or at zero."""

    def __init__(
        self,
        units: int,
        span: float = 64.0,
        kernel_initializer: Any = "glorot_uniform",
        reverse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(reverse, **kwargs)
        check(isinstance(units, int) and units >= 1, f"units must be a whole number of at least 1; got {units!r}")
        check(span >= 1, f"span must be at least 1; got {span!r}")
        self.units = units
        self.span = span
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        width = self.gates * self.units
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], width), initializer=self.kernel_initializer
        )
        self.bias = self.add_weight(name="bias", shape=(width,), initializer=self.initial_bias)

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Any:
        """Biases with which a unit that remembers over s steps has h_t = s / (s + 1) * h_(t-1) + 1 / (s + 1) * n_t."""
        log_span = ops.linspace(0.0, math.log(self.span), self.units, dtype=dtype)
        return ops.concatenate([sign * log_span for sign in self.signs])

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return ops.zeros((batch_size, self.units), dtype="float32")

    def coefficients(self, *projected: Any) -> tuple[Any, Any]:
        """a and b of `h_t = a_t * h_(t-1) + b_t` from the projections of the inputs, all `(batch, time, units)`."""
        raise NotImplementedError

    def advance(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        a, b = self.coefficients(*self._project(x, mask))
        hs, last = linear_recurrence(a, b, state, mask)
        return ops.cast(hs, self.compute_dtype), last

    def gate_activations(self, x: Any, mask: Any = None) -> dict[str, Any]:
        """What is kept of the old state at every step, in (0, 1), `(batch, time, units)`."""
        return {"keep": self.coefficients(*self._project(x, mask))[0]}

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "span": self.span,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def _project(self, x: Any, mask: Any) -> list[Any]:
        projected = ops.matmul(masks.zero_padding(x, mask), self.kernel) + ops.cast(self.bias, self.compute_dtype)
        return ops.split(ops.cast(projected, "float32"), self.gates, axis=-1)


@layers.register("min_gru", tags={"recurrent", "causal"}, reference="arXiv:2410.01201", cases=CASES)
@keras.saving.register_keras_serializable("keraseq")
class MinGRU(Minimal):
    """Minimal gated recurrent unit: one gate, seen by the input alone, mixes old state and candidate.

        z_t = σ(W_z x_t + b_z)
        n_t = W_n x_t + b_n
        h_t = (1 - z_t) * h_(t-1) + z_t * n_t,   h_0 = 0

    Weights hold the gates in the order z, n.

    Args:
        units: size of the state and of the output, at least 1.
        span: steps over which the slowest unit remembers at the start, at least 1; 64 by default. The units are spread
            evenly from 1 to it on a logarithmic scale.
        kernel_initializer: of W; Glorot uniform by default.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output repeats it. Passed on.

    Step by step: the state is h, float32, `(batch, units)`.

    Raises:
        UsageError: units or span below 1.

    Reference: Feng et al. 2024, Were RNNs all we needed?, arXiv:2410.01201.

    Differs from the paper: the scan runs on the numbers themselves, not on their logarithms, so that candidates need
    not be positive, as in the paper's section 3.1. Gates start at several paces, as Tallec and Ollivier 2018,
    arXiv:1804.11188, propose for the LSTM.
    """

    gates = 2
    signs = (-1, 0)

    def coefficients(self, *projected: Any) -> tuple[Any, Any]:
        z, n = projected
        return ops.sigmoid(-z), ops.sigmoid(z) * n


@layers.register("min_lstm", tags={"recurrent", "causal"}, reference="arXiv:2410.01201", cases=CASES)
@keras.saving.register_keras_serializable("keraseq")
class MinLSTM(Minimal):
    """Minimal long short-term memory: gates for forgetting and writing, seen by the input alone, that sum to one.

        f_t, i_t = σ(W x_t + b),   n_t = W x_t + b
        h_t = f_t / (f_t + i_t) * h_(t-1) + i_t / (f_t + i_t) * n_t,   h_0 = 0

    Each has its own W and b; weights hold them in the order f, i, n.

    Args:
        units: size of the state and of the output, at least 1.
        span: steps over which the slowest unit remembers at the start, at least 1; 64 by default. The units are spread
            evenly from 1 to it on a logarithmic scale.
        kernel_initializer: of W; Glorot uniform by default.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output repeats it. Passed on.

    Step by step: the state is h, float32, `(batch, units)`.

    Raises:
        UsageError: units or span below 1.

    Reference: Feng et al. 2024, Were RNNs all we needed?, arXiv:2410.01201.

    Differs from the paper: the scan runs on the numbers themselves, not on their logarithms, so that candidates need
    not be positive, as in the paper's section 3.2. Gates start at several paces, as Tallec and Ollivier 2018,
    arXiv:1804.11188, propose for the LSTM.
    """

    gates = 3
    signs = (1, -1, 0)

    def coefficients(self, *projected: Any) -> tuple[Any, Any]:
        f, i, n = projected
        odds = ops.log_sigmoid(f) - ops.log_sigmoid(i)  # log(f / i), so that f / (f + i) = σ(odds)
        return ops.sigmoid(odds), ops.sigmoid(-odds) * n
