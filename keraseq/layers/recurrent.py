"""Recurrent layers: a state carried from step to step."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import keras
from keras import ops

from keraseq.config import check
from keraseq.layers.directed import Directed
from keraseq.layers.streaming import State
from keraseq.ops import cells, masks, recurrence
from keraseq.registry import layers

Shape = tuple[int | None, ...]

CASES = (
    {"units": 5},
    {"units": 5, "reverse": True},
    {"units": 8, "layer_norm": True},
    {"units": 5, "recurrent_dropout": 0.3, "seed": 1},
    {"units": 8, "layer_norm": True, "recurrent_dropout": 0.3, "kernel_initializer": "he_normal"},
)


class Recurrent(Directed):
    """What the recurrent layers share: weights, projection of all inputs at once, options.

    A subclass writes `recur`; where it keeps more than h, also `zero_state`.

    Args:
        units: size of the state and of the output, at least 1.
        layer_norm: normalise the sums before they are squashed; off by default.
        recurrent_dropout: fraction of h_(t-1) zeroed in training, in [0, 1): one choice for all steps of a sequence.
        kernel_initializer: of the input weights.
        recurrent_initializer: of the state's weights.
        reverse: run from the last step to the first. Outputs stay in the order of the inputs.
        seed: of recurrent dropout; None takes what `keras.utils.set_random_seed` gives.
    """

    gates: ClassVar[int]
    initial_recurrent_gain: ClassVar[float] = 1.0

    def __init__(
        self,
        units: int,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        reverse: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(reverse, **kwargs)
        check(isinstance(units, int) and units >= 1, f"units must be a whole number of at least 1; got {units!r}")
        check(0 <= recurrent_dropout < 1, f"recurrent_dropout must be in [0, 1); got {recurrent_dropout!r}")
        self.units = units
        self.layer_norm = layer_norm
        self.recurrent_dropout = recurrent_dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.seed = seed
        if recurrent_dropout > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        width = self.gates * self.units
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], width), initializer=self.kernel_initializer
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, width), initializer=self.recurrent_initializer
        )
        self.bias = self.add_weight(name="bias", shape=(width,), initializer=self.initial_bias)
        self.input_gain = self.recurrent_gain = None
        if self.layer_norm:
            self.build_norms(width)

    def build_norms(self, width: int) -> None:
        """The weights of layer normalisation, made where it is on."""
        self.input_gain = self.add_weight(name="input_gain", shape=(width,), initializer="ones")
        start = keras.initializers.Constant(self.initial_recurrent_gain)
        self.recurrent_gain = self.add_weight(name="recurrent_gain", shape=(width,), initializer=start)

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Any:
        """Zeros; a subclass may start its gates elsewhere."""
        return ops.zeros(shape, dtype)

    def initial_state(self, batch_size: int, max_length: int | None = None) -> State:
        self.check_streams()
        return self.zero_state(batch_size)

    def zero_state(self, batch_size: Any) -> State:
        """h_0, `(batch, units)`."""
        return ops.zeros((batch_size, self.units), dtype=self.compute_dtype)

    def advance(self, x: Any, state: State | None, mask: Any, training: bool) -> tuple[Any, State]:
        projected = self.project(masks.zero_padding(x, mask))  # (batch, time, gates * units)
        batch_size = ops.shape(x)[0]
        before = self.zero_state(batch_size) if state is None else state
        return self.recur(projected, before, mask, self.options(batch_size, training))

    def project(self, x: Any) -> Any:
        """What the inputs add to the gates at every step, with the bias."""
        projected = cells.normalise(ops.matmul(x, self.kernel), self.input_gain, groups=self.groups)
        return projected + ops.cast(self.bias, projected.dtype)

    @property
    def groups(self) -> tuple[int, ...]:
        """Where the gates are cut into parts that are normalised apart; by default nowhere."""
        return ()

    def options(self, batch_size: Any, training: bool) -> dict[str, Any]:
        """The further weights of the cell: gains, and what recurrent dropout multiplies h_(t-1) by."""
        weights = self.norms() if self.layer_norm else {}
        options = {name: ops.convert_to_tensor(weight) for name, weight in weights.items()}
        if training and self.recurrent_dropout > 0:
            ones = ops.ones((batch_size, self.units), dtype=self.compute_dtype)
            options["dropout"] = keras.random.dropout(ones, self.recurrent_dropout, seed=self.seed_generator)
        return options

    def norms(self) -> dict[str, Any]:
        """The weights of layer normalisation that the cell takes."""
        return {"gain": self.recurrent_gain}

    @abstractmethod
    def recur(self, projected: Any, state: State, mask: Any, options: dict[str, Any]) -> tuple[Any, State]:
        """All hidden states, `(batch, time, units)`, and the last state."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "layer_norm": self.layer_norm,
            "recurrent_dropout": self.recurrent_dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "seed": self.seed,
        }


@layers.register("simple_rnn", tags={"recurrent", "causal"}, reference="doi:10.1207/s15516709cog1402_1", cases=CASES)
@keras.saving.register_keras_serializable("keraseq")
class SimpleRNN(Recurrent):
    """Elman's recurrent network: the state is a squashed sum of input and previous state.

        h_t = tanh(W x_t + b + U h_(t-1)),   h_0 = 0

    or, with layer normalisation, `h_t = tanh(LN(W x_t + U h_(t-1)) + b)`.

    Args:
        units: size of the state and of the output, at least 1.
        layer_norm: normalise that sum over the units, with a gain learned for each; off by default.
        recurrent_dropout: fraction of h_(t-1) zeroed in training where U multiplies it, in [0, 1), the same features at
            all steps of a sequence. 0 is off.
        kernel_initializer: of W; Glorot uniform by default.
        recurrent_initializer: of U; orthogonal by default.
        reverse: run from the last step to the first, which cannot be done step by step. Outputs stay in the order of
            the inputs.
        seed: of recurrent dropout; None takes what `keras.utils.set_random_seed` gives.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output repeats it. Passed on.

    Step by step: the state is h, `(batch, units)`.

    Raises:
        UsageError: units below 1, or recurrent_dropout outside [0, 1).

    Reference: Elman 1990, Finding structure in time, doi:10.1207/s15516709cog1402_1; Ba et al. 2016, Layer
    Normalization, arXiv:1607.06450; Gal and Ghahramani 2016, dropout of one choice for all steps, arXiv:1512.05287.

    Differs from the papers: tanh in place of the logistic function, and whole-sequence gradients. Dropout of the inputs
    is left to a layer before this one.
    """

    gates = 1

    def build_norms(self, width: int) -> None:
        self.gain = self.add_weight(name="gain", shape=(width,), initializer="ones")

    def norms(self) -> dict[str, Any]:
        return {"gain": self.gain, "norm_bias": self.bias}

    def project(self, x: Any) -> Any:
        return ops.matmul(x, self.kernel) if self.layer_norm else super().project(x)

    def recur(self, projected: Any, state: State, mask: Any, options: dict[str, Any]) -> tuple[Any, State]:
        kernel = ops.convert_to_tensor(self.recurrent_kernel)
        return recurrence.simple_rnn(projected, kernel, None, state, mask, **options)


class Gated(Recurrent):
    """What the gated layers share: their gates can be looked at. A subclass writes `recur` and `find_gates`."""

    def gate_activations(self, x: Any, mask: Any = None) -> dict[str, Any]:
        """Each gate at every step, in (0, 1), `(batch, time, units)`; at padding it means nothing."""
        if self.reverse:
            x, mask = ops.flip(x, axis=1), None if mask is None else ops.flip(mask, axis=1)
        batch, time = ops.shape(x)[:2]
        projected, state = self.project(masks.zero_padding(x, mask)), self.zero_state(batch)
        hs, _ = self.recur(projected, state, mask, self.options(batch, training=False))
        before = ops.concatenate([keras.tree.flatten(state)[0][:, None], hs[:, :-1]], axis=1)  # h_(t-1)
        found = self.find_gates(ops.reshape(projected, (batch * time, -1)), ops.reshape(before, (batch * time, -1)))
        steps = {name: ops.reshape(gate, (batch, time, self.units)) for name, gate in found.items()}
        return {name: ops.flip(gate, axis=1) if self.reverse else gate for name, gate in steps.items()}

    @abstractmethod
    def find_gates(self, projected: Any, h: Any) -> dict[str, Any]:
        """The gates of steps with these projected inputs, `(steps, gates * units)`, and h_(t-1), `(steps, units)`."""


@layers.register("gru", tags={"recurrent", "causal"}, reference="arXiv:1406.1078", cases=CASES)
@keras.saving.register_keras_serializable("keraseq")
class GRU(Gated):
    """Gated recurrent unit: one gate mixes old state and candidate, another mutes the old state in the candidate.

        z_t = σ(W_z x_t + b_z + U_z h_(t-1))
        r_t = σ(W_r x_t + b_r + U_r h_(t-1))
        n_t = tanh(W_n x_t + b_n + r_t * (U_n h_(t-1) + b'_n))
        h_t = z_t * h_(t-1) + (1 - z_t) * n_t,   h_0 = 0

    Weights hold the gates in the order z, r, n.

    Args:
        units: size of the state and of the output, at least 1.
        layer_norm: normalise `W x_t` and `U h_(t-1)`, each by itself, over the units of z and r together and those of
            n apart, with gains learned for both; off by default.
        recurrent_dropout: fraction of h_(t-1) zeroed in training where U multiplies it, in [0, 1), the same features at
            all steps of a sequence. 0 is off.
        kernel_initializer: of W; Glorot uniform by default.
        recurrent_initializer: of U; orthogonal by default.
        reverse: run from the last step to the first, which cannot be done step by step. Outputs stay in the order of
            the inputs.
        seed: of recurrent dropout; None takes what `keras.utils.set_random_seed` gives.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output repeats it. Passed on.

    Step by step: the state is h, `(batch, units)`.

    Raises:
        UsageError: units below 1, or recurrent_dropout outside [0, 1).

    Reference: Cho et al. 2014, arXiv:1406.1078; Ba et al. 2016, Layer Normalization, arXiv:1607.06450, supplement; Gal
    and Ghahramani 2016, dropout of one choice for all steps, arXiv:1512.05287.

    Differs from the papers: the reset gate acts after the product, on `U_n h + b'_n`, as in cuDNN, where the paper has
    `U_n (r * h)`. `keras.layers.GRU(reset_after=True)` computes the same, with 2 · units more biases that add nothing.
    The normalised sums of a gate share one bias. Recurrent dropout takes one choice for all gates, and leaves alone the
    h_(t-1) that z mixes in.
    """

    gates = 3

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.recurrent_bias = self.add_weight(name="recurrent_bias", shape=(self.units,), initializer="zeros")

    @property
    def groups(self) -> tuple[int, ...]:
        return (2 * self.units,)

    def recur(self, projected: Any, state: State, mask: Any, options: dict[str, Any]) -> tuple[Any, State]:
        kernel, bias = (ops.convert_to_tensor(weight) for weight in (self.recurrent_kernel, self.recurrent_bias))
        return recurrence.gru(projected, kernel, bias, state, mask, **options)

    def find_gates(self, projected: Any, h: Any) -> dict[str, Any]:
        z, r, _ = cells.gru_gates(projected, h, self.recurrent_kernel, self.recurrent_bias, self.recurrent_gain)
        return {"z": z, "r": r}


@layers.register("lstm", tags={"recurrent", "causal"}, reference="doi:10.1162/neco.1997.9.8.1735", cases=CASES)
@keras.saving.register_keras_serializable("keraseq")
class LSTM(Gated):
    """Long short-term memory: a cell that is added to, behind gates for writing, forgetting and reading.

        i_t, f_t, o_t = σ(W x_t + b + U h_(t-1)),   g_t = tanh(W x_t + b + U h_(t-1))
        c_t = f_t * c_(t-1) + i_t * g_t
        h_t = o_t * tanh(c_t),   h_0 = c_0 = 0

    Each gate has its own W, U, b; weights hold them in the order i, f, g, o. The bias of f starts at 1.

    Args:
        units: size of the state and of the output, at least 1.
        layer_norm: normalise `W x_t` and `U h_(t-1)`, each by itself, over the units of all gates together, and `c_t`
            where h_t reads it, with gains learned for all three and a bias for the last; off by default.
        recurrent_dropout: fraction of h_(t-1) zeroed in training where U multiplies it, in [0, 1), the same features at
            all steps of a sequence. 0 is off.
        kernel_initializer: of W; Glorot uniform by default.
        recurrent_initializer: of U; orthogonal by default.
        reverse: run from the last step to the first, which cannot be done step by step. Outputs stay in the order of
            the inputs.
        seed: of recurrent dropout; None takes what `keras.utils.set_random_seed` gives.

    Call shapes: `(batch, time, features)` → `(batch, time, units)`.

    Mask: at padding, wherever it lies, the state is carried on unchanged and the output repeats it. Passed on.

    Step by step: the state is (h, c), `(batch, units)` each.

    Raises:
        UsageError: units below 1, or recurrent_dropout outside [0, 1).

    Reference: Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Ba et al. 2016, Layer Normalization,
    arXiv:1607.06450, supplement; Gal and Ghahramani 2016, dropout of one choice for all steps, arXiv:1512.05287.

    Differs from the papers: the forget gate of Gers et al. 2000, whole-sequence gradients, no peepholes. The normalised
    sums of a gate share one bias, and the gain of `U h_(t-1)` starts at 0.1, as in Cooijmans et al. 2016,
    arXiv:1603.09025, for at 1 the steps of an untrained layer amplify rounding errors. Recurrent dropout takes one
    choice for all gates (their tied weights).
    """

    gates = 4
    initial_recurrent_gain = 0.1

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Any:
        gate = ops.ones((self.units,), dtype)
        return ops.concatenate([0 * gate, gate, 0 * gate, 0 * gate])

    def build_norms(self, width: int) -> None:
        super().build_norms(width)
        self.cell_gain = self.add_weight(name="cell_gain", shape=(self.units,), initializer="ones")
        self.cell_bias = self.add_weight(name="cell_bias", shape=(self.units,), initializer="zeros")

    def norms(self) -> dict[str, Any]:
        return {**super().norms(), "cell_gain": self.cell_gain, "cell_bias": self.cell_bias}

    def zero_state(self, batch_size: Any) -> State:
        return super().zero_state(batch_size), super().zero_state(batch_size)

    def recur(self, projected: Any, state: State, mask: Any, options: dict[str, Any]) -> tuple[Any, State]:
        kernel = ops.convert_to_tensor(self.recurrent_kernel)
        return recurrence.lstm(projected, kernel, None, state, mask, **options)

    def find_gates(self, projected: Any, h: Any) -> dict[str, Any]:
        i, f, _, o = cells.lstm_gates(projected, h, self.recurrent_kernel, self.recurrent_gain)
        return {"i": i, "f": f, "o": o}
