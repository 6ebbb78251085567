"""Gradient norms and receptive fields, against finite differences and against what the architecture allows."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keraseq.diagnostics import effective_receptive_field, gradient_norms
from keraseq.errors import UsageError
from keraseq.models import Classification, Features, Regression, Tagging, Tokens, create_model

TIME = 7


def problem(inputs, output):
    return SimpleNamespace(inputs=inputs, output=output)


def features(size=2, batch=3):
    return np.random.default_rng(0).normal(size=(batch, TIME, size)).astype("float32")


def finite_difference_norms(model, loss, x, row):
    """`‖∂loss/∂x_t‖` of one row by central differences, in float32 as the model."""
    squares = np.zeros(x.shape[1])
    for t in range(x.shape[1]):
        for k in range(x.shape[2]):
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved[row, t, k] += sign * 1e-2
                ends.append(loss(keras.ops.convert_to_numpy(model(moved))[row]))
            squares[t] += ((ends[0] - ends[1]) / 2e-2) ** 2
    return np.sqrt(squares)


def test_norms_are_those_of_finite_differences():
    model = create_model("gru", problem(Features(2, length=TIME), Regression(1)), seed=0, units=4, dropout=0.0)
    x, y = features(), np.array([[0.5], [-1.0], [2.0]], "float32")
    norms = gradient_norms(model, Regression(1), x, y).norms
    for row in range(3):
        expected = finite_difference_norms(model, lambda out, row=row: float(((out - y[row]) ** 2).sum()), x, row)
        np.testing.assert_allclose(norms[row], expected, rtol=0.02, atol=1e-4)


def test_the_loss_of_the_last_step_that_counts_reaches_no_later_step():
    output = Tagging(("a", "b"))
    model = create_model(
        "tcn",
        problem(Features(2, length=TIME), output),
        seed=0,
        filters=4,
        levels=1,
        kernel_size=2,
    )
    targets = np.array([[0, 1, 0, 1, 0, 1, 0], [1, 0, 1, -1, -1, -1, -1], [-1] * TIME])
    norms = gradient_norms(model, output, features(), targets, of="last").norms
    assert model.get_layer("block_0").dilation_rate == 1
    np.testing.assert_array_equal(norms[0] > 0, [False] * 4 + [True] * 3)
    np.testing.assert_array_equal(norms[1] > 0, [True] * 3 + [False] * 4)
    assert not norms[2].any()
    of_all = gradient_norms(model, output, features(), targets, of="all").norms
    assert (of_all[0] > 0).all()


def test_rows_do_not_depend_on_each_other():
    output = Classification(("a", "b", "c"))
    model = create_model("lstm", problem(Features(2, length=TIME), output), seed=0, units=4)
    x, y = features(), np.array([0, 2, 1])
    together = gradient_norms(model, output, x, y).norms
    alone = gradient_norms(model, output, x[1:2], y[1:2]).norms
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-4)


def test_padding_of_tokens_is_not_a_number():
    output = Classification(("a", "b"))
    model = create_model("rnn", problem(Tokens(9), output), seed=0, units=4)
    tokens = np.array([[1, 2, 3, 4], [5, 6, 0, 0]])
    found = gradient_norms(model, output, tokens, np.array([0, 1]))
    np.testing.assert_array_equal(np.isnan(found.norms), tokens == 0)
    assert np.isfinite(found.mean).all()
    assert 0 < found.decay < np.inf


def test_a_tcn_sees_as_far_as_its_receptive_field():
    model = create_model(
        "tcn",
        problem(Features(1, length=40), Regression(1)),
        seed=0,
        filters=8,
        levels=3,
        kernel_size=2,
    )
    field = effective_receptive_field(model, np.random.default_rng(1).normal(size=(4, 40, 1)).astype("float32"))
    reach = 1 + 2 * (2 - 1) * (2**3 - 1)
    np.testing.assert_array_equal(field.influence > 0, np.arange(40) >= 40 - reach)
    assert 1 <= field.span(0.5) <= field.span(0.95) <= field.span(1.0) <= reach
    assert not field.looks_ahead


def test_a_centred_convolution_looks_ahead():
    model = create_model(
        "cnn",
        problem(Features(1, length=20), Regression(1)),
        seed=0,
        filters=8,
        layers=1,
        kernel_size=5,
    )
    field = effective_receptive_field(
        model, np.random.default_rng(1).normal(size=(4, 20, 1)).astype("float32"), step=10
    )
    np.testing.assert_array_equal(field.influence > 0, abs(np.arange(20) - 10) <= 2)
    assert field.looks_ahead


@pytest.mark.parametrize(("step", "message"), [(20, r"step must be in \[0, 7\); got 20"), (-1, "got -1")])
def test_a_step_outside_is_refused(step, message):
    model = create_model("gru", problem(Features(2, length=TIME), Regression(1)), units=4)
    with pytest.raises(UsageError, match=message):
        effective_receptive_field(model, features(), step=step)


def test_an_unknown_choice_is_refused():
    model = create_model("gru", problem(Features(2, length=TIME), Regression(1)), units=4)
    with pytest.raises(UsageError, match="of must be one of last, all; got 'first'"):
        gradient_norms(model, Regression(1), features(), np.zeros((3, 1)), of="first")
