"""Optimizers, schedules, clipping, averages: what they do to a training, by their equations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keraseq
from keraseq.errors import UsageError
from keraseq.training.optimizers import optimizer
from keraseq.training.outcome import Outcome
from keraseq.training.settings import Training


def rates(steps=100, **settings):
    schedule = optimizer(Training(learning_rate=0.1, **settings), steps)._learning_rate
    return [float(schedule(step)) if callable(schedule) else float(schedule) for step in range(steps + 1)]


def test_one_cycle_rises_from_a_25th_to_the_peak_and_falls_to_nothing():
    found = rates(decay="one_cycle")
    assert found[0] == pytest.approx(0.1 / 25)
    assert np.argmax(found) == 30
    assert found[30] == pytest.approx(0.1)
    assert found[100] == pytest.approx(0.1e-4 / 25, rel=0.1)
    assert np.argmax(rates(decay="one_cycle", warmup=0.5)) == 50


def test_inverse_square_root_falls_by_half_in_four_times_the_steps():
    found = rates(decay="inverse_sqrt", warmup=0.1)
    assert found[9] == pytest.approx(0.1) == max(found)
    assert found[4] == pytest.approx(0.05)
    assert found[39] == pytest.approx(0.05)


def test_accumulated_batches_leave_the_schedule_as_long_as_the_training(digits):
    model = keraseq.create_model("linear", digits, seed=0)
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(float(model.optimizer.learning_rate)))
    settings = {"epochs": 4, "decay": "cosine", "warmup": 0.0, "learning_rate": 0.1, "accumulate": 4, "patience": None}
    keraseq.fit(model, digits, callbacks=[watch], progress=False, **settings)
    assert seen == pytest.approx([0.1 * (1 + np.cos(np.pi * part)) / 2 for part in (0.25, 0.5, 0.75, 1)], abs=2e-3)


def test_a_plateau_halves_the_step_size(digits):
    model = keraseq.create_model("linear", digits, seed=0)
    keraseq.fit(model, digits, epochs=4, learning_rate=1e-9, decay="plateau", patience=None, progress=False)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.5e-9)


def step(gradient, weights, **settings):
    """The weights after one step of plain SGD with rate 1."""
    given = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 1.0, "warmup": 0.0, "weight_decay": 0.0}
    made = optimizer(Training(**{**given, "clip_norm": None, **settings}), 10)
    variable = keras.Variable(np.array(weights, "float32"))
    made.apply([np.array(gradient, "float32")], [variable])
    return np.array(weights) - variable.numpy(), made


def test_gradients_are_clipped_by_norm_by_value_or_unit_by_unit():
    assert step([[3.0, 4.0]], [[0.0, 0.0]], clip_norm=1.0)[0] == pytest.approx(np.array([[0.6, 0.8]]))
    assert step([[3.0, -4.0]], [[0.0, 0.0]], clip_value=0.5)[0] == pytest.approx(np.array([[0.5, -0.5]]))
    units, _ = step([[3.0, 0.3], [4.0, 0.4]], [[6.0, 0.0], [8.0, 0.0]], clip_adaptive=0.1)
    assert units == pytest.approx(np.array([[0.6, 0.6e-4], [0.8, 0.8e-4]]))  # to .1 · 10, and to .1 · .001


def test_norms_are_those_before_clipping_and_keep_the_last_that_were_finite():
    _, made = step([[3.0, 4.0]], [[0.0, 0.0]], clip_norm=1.0)
    assert made.norms.numpy() == pytest.approx([5.0])
    made.apply([np.array([[np.nan, 1.0]], "float32")])
    assert made.norms.numpy() == pytest.approx([5.0])
    assert float(made.largest) == pytest.approx(5.0)


def test_averages_are_those_of_the_weights_and_what_a_run_leaves(digits):
    model, weights, averages = keraseq.create_model("linear", digits, seed=0), [], []

    def note(batch, logs):
        weights.append([w.copy() for w in model.get_weights()])

    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=note, on_epoch_end=lambda *_: averages.append(model.get_weights())
    )
    before = model.get_weights()
    settings = {"epochs": 2, "average": 0.9, "patience": None, "progress": False}
    result = keraseq.fit(model, digits, callbacks=[watch], **settings)
    expected, at = before, {}
    for count, seen in enumerate(weights, 1):
        expected = [0.9 * a + 0.1 * w for a, w in zip(expected, seen, strict=True)]
        at[count] = expected
    steps = digits.steps("train")
    for epoch in (1, 2):
        for found, wanted in zip(averages[epoch - 1], at[epoch * steps], strict=True):
            assert found == pytest.approx(wanted, abs=1e-5)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), averages[result.best_epoch - 1], strict=True))


@pytest.mark.parametrize(("name", "rate"), [("lion", 1e-3), ("rmsprop", 5e-3), ("sgd", 0.2)])
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_each_learns(digits, name, rate, precision):
    model = keraseq.create_model("cnn", digits, parameters=3000, precision=precision, seed=0)
    result = keraseq.fit(model, digits, epochs=4, optimizer=name, learning_rate=rate, progress=False)
    assert result.score > 2 * digits.chance
    assert all(np.isfinite(result.history["gradient_norm"]))


def test_an_exploding_gradient_is_explained(digits):
    model = keraseq.create_model("rnn", digits, units=8, seed=0)
    result = keraseq.fit(model, digits, learning_rate=1e25, clip_norm=None, warmup=0.0, progress=False)
    assert result.outcome is Outcome.DIVERGED
    assert "NaN or infinite in step" in result.message
    assert "of epoch 1, after a gradient of norm" in result.message
    assert any(f" in {variable.path};" in result.message for variable in model.trainable_variables)
    assert result.message.endswith("lower the learning rate or clip_norm")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adam"}, "optimizer must be one of adamw, lion, rmsprop, sgd; got 'adam'"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\)"),
        ({"decay": "plateau", "warmup": 0.1}, "sets the step size by validation and has no warm-up; got warmup=0.1"),
        ({"clip_value": 0.5}, "clip_norm=1.0 and clip_value=0.5: set one of them to null"),
        ({"clip_adaptive": 0.0}, "clip_adaptive must be above 0 or null"),
        ({"average": 1.0}, r"average must be in \(0, 1\) or null"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Training(**settings)


def test_the_norm_of_an_embedding_is_that_of_the_sum_of_its_slices():
    made = optimizer(Training(optimizer="sgd", momentum=0.0, learning_rate=1.0, warmup=0.0, weight_decay=0.0), 10)
    variable = keras.Variable(np.zeros((2, 1), "float32"))
    made.apply([tf.IndexedSlices(tf.constant([[3.0], [4.0]]), tf.constant([0, 0]), tf.constant([2, 1]))], [variable])
    assert made.norms.numpy() == pytest.approx([7.0])
    assert variable.numpy() == pytest.approx(np.array([[-1.0], [0.0]]))  # clipped to 1
