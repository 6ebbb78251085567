"""Counts against what one works out by hand."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keraseq import create_model, layers
from keraseq.diagnostics import count_flops
from keraseq.diagnostics.flops import blank
from keraseq.errors import KeraseqError, UsageError
from keraseq.models import Classification, Features, Tokens, Translation, Waveform

F, U = 3, 5  # features that go in, units


def counted(layer, time, features=F):
    x = keras.Input((time, features))
    return count_flops(keras.Model(x, layer(x)), np.ones((1, time, features), "float32"))


def lstm(t):
    """x W + b at once; at each step h U, its sum with that, three sigmoids, f c + i g, o tanh(c)."""
    return t * (2 * F * 4 * U + 4 * U) + t * (2 * U * 4 * U + 4 * U + 3 * U + U + 3 * U + U + U)


def gru(t):
    """x W + b; at each step h U, z and r, n = tanh(x + r (h U_n + b_n)), (1 - z) n + z h."""
    return t * (2 * F * 3 * U + 3 * U) + t * (2 * U * 3 * U + 2 * (2 * U) + (U + U + U + U) + 4 * U)


def rnn(t):
    return t * (2 * F * U + U) + t * (2 * U * U + 2 * U)


@pytest.mark.parametrize("time", [4, 9])
@pytest.mark.parametrize(
    ("layer", "by_hand"),
    [
        (lambda: keras.layers.Dense(U), lambda t: t * (2 * F * U + U)),
        (lambda: layers.Conv1D(U, 3), lambda t: t * (2 * 3 * F * U + U)),
        (lambda: layers.Conv1D(U, 3, dilation_rate=4), lambda t: t * (2 * 3 * F * U + U)),
        (lambda: keras.layers.DepthwiseConv1D(3, padding="same"), lambda t: t * (2 * 3 * F + F)),
        (lambda: layers.SimpleRNN(U), rnn),
        (lambda: layers.LSTM(U), lstm),
        (lambda: layers.GRU(U), gru),
    ],
    ids=["dense", "conv", "dilated", "depthwise", "rnn", "lstm", "gru"],
)
def test_counts_are_those_worked_out_by_hand(layer, by_hand, time) -> None:
    assert counted(layer(), time) == by_hand(time)


@pytest.mark.parametrize("time", [4, 9])
def test_attention_grows_with_the_square_of_time(time) -> None:
    heads, size = 2, 3
    layer = keras.layers.MultiHeadAttention(heads, size, flash_attention=False)
    x = keras.Input((time, F))
    model = keras.Model(x, layer(x, x))
    wide = heads * size
    projections = 3 * (2 * time * F * wide + time * wide) + 2 * time * wide * F + time * F
    scores = 2 * heads * time * time * size
    weighed = (1 + 5) * heads * time * time  # scaled, and the softmax
    assert count_flops(model, np.ones((1, time, F), "float32")) == projections + 2 * scores + weighed


def test_parallel_scans_do_work_that_grows_with_time() -> None:
    few, many = (counted(layers.MinGRU(U), time) for time in (64, 256))
    assert 3.5 < many / few < 4.5


def test_einsum_with_batch_axes_and_complex_products_count() -> None:
    class Einsum(keras.layers.Layer):
        def call(self, x):
            z = tf.cast(tf.einsum("...tf,fg->...tg", x, tf.ones((F, U))), "complex64")
            return tf.math.real(tf.matmul(z, tf.ones((U, 2), "complex64")))

    assert counted(Einsum(), 4) == 2 * 4 * F * U + 8 * 4 * U * 2


def test_loops_within_functions_count_turn_by_turn() -> None:
    class Loop(keras.layers.Layer):
        def call(self, x):
            turns = tf.function(lambda x: tf.while_loop(lambda k, _: k < 5, lambda k, h: (k + 1, h * 2.0), (0, x))[1])
            return turns(x)

    assert counted(Loop(), 4) == 5 * 4 * F


def test_functions_run_as_before_and_more_rows_are_refused() -> None:
    x = keras.Input((4, F))
    model = keras.Model(x, keras.layers.Dense(2)(x))
    with pytest.raises(UsageError, match=r"one row, of which operations are counted; got \[2\]"):
        count_flops(model, np.ones((2, 4, F), "float32"))
    count_flops(model, np.ones((1, 4, F), "float32"))
    assert not tf.config.functions_run_eagerly()


def test_an_operation_that_nobody_has_thought_of_is_not_taken_for_nothing() -> None:
    class Inverse(keras.layers.Layer):
        def call(self, x):
            return tf.linalg.inv(x + tf.eye(3))

    with pytest.raises(KeraseqError, match="no count for TensorFlow's operation MatrixInverse"):
        counted(Inverse(), 3, 3)
    assert not tf.config.functions_run_eagerly()


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        (Tokens(9), Classification(("a", "b"))),
        (Features(2), Classification(("a", "b"))),
        (Waveform(8000, length=800), Classification(("a", "b"))),
        (Tokens(9), Translation(7, start=1, end=2)),
    ],
    ids=["tokens", "features", "waveform", "translation"],
)
def test_blank_sequences_fit_every_kind_of_input(inputs, output) -> None:
    task = SimpleNamespace(inputs=inputs, output=output)
    model = create_model("gru", task, units=4)
    assert count_flops(model, blank(task, 800, 6)) > 2 * 4 * 4
