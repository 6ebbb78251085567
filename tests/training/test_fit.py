"""`fit`: scores, early stopping, divergence, schedules, precision, reproducibility."""

import json

import keras
import numpy as np
import pytest

import keraseq
from keraseq.errors import KeraseqError, UsageError
from keraseq.training.optimizers import optimizer
from keraseq.training.outcome import Outcome
from keraseq.training.settings import Training


@pytest.fixture
def model(digits):
    return keraseq.create_model("cnn", digits, parameters=3000, seed=0)


def fit(model, digits, **settings):
    return keraseq.fit(model, digits, progress=False, **({"epochs": 2, "learning_rate": 0.01} | settings))


def test_it_learns_keeps_the_best_weights_and_writes_history(model, digits, tmp_path):
    result = fit(model, digits, epochs=4, directory=tmp_path)
    assert result.outcome is Outcome.COMPLETED
    assert result.epochs == 4
    assert result.score == max(result.history["val_accuracy"]) > 2 * digits.chance
    assert result.history["val_accuracy"][result.best_epoch - 1] == result.score
    kept = model.evaluate(digits.validation, return_dict=True, verbose=0)["accuracy"]
    assert kept == pytest.approx(result.score)
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert [line["val_accuracy"] for line in lines] == pytest.approx(result.history["val_accuracy"])


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(digits):
    def weights(seed):
        model = keraseq.create_model("gru", digits, units=8, dropout=0.2, seed=seed)
        fit(model, digits, epochs=1, seed=seed)
        return np.concatenate([w.ravel() for w in model.get_weights()])

    assert np.array_equal(weights(0), weights(0))
    assert not np.allclose(weights(0), weights(1))


def test_it_stops_early(model, digits):
    result = fit(model, digits, epochs=30, learning_rate=1e-9, patience=1)
    assert result.epochs <= 5
    assert result.outcome is Outcome.COMPLETED


def test_nan_stops_at_once_with_its_outcome(model, digits):
    seen = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    result = fit(model, digits, epochs=5, callbacks=[watch])
    assert result.outcome is Outcome.DIVERGED
    assert (result.score, result.best_epoch) == (None, None)
    assert seen == [0]


def test_a_run_that_diverges_later_keeps_its_best_epoch(model, digits):
    def break_weights(epoch, logs):
        if epoch == 2:
            model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])

    result = fit(model, digits, epochs=9, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=break_weights)])
    assert result.outcome is Outcome.DIVERGED
    assert result.score == max(result.history["val_accuracy"][:2])
    assert result.best_epoch <= 2
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_ctrl_c_keeps_what_was_learned(model, digits):
    def interrupt(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    result = fit(model, digits, epochs=9, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)])
    assert result.outcome is Outcome.INTERRUPTED
    assert result.epochs == 2
    kept = model.evaluate(digits.validation, return_dict=True, verbose=0)["accuracy"]
    assert kept == pytest.approx(result.score)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_jit_compile_is_as_asked(digits, jit_compile):
    model = keraseq.create_model("rnn", digits, units=4)
    assert fit(model, digits, epochs=1, jit_compile=jit_compile).jit_compile is jit_compile
    assert model.jit_compile is jit_compile


def test_mixed_precision_trains_and_answers_in_float32(digits):
    model = keraseq.create_model("cnn", digits, parameters=3000, precision="mixed_bfloat16", seed=0)
    assert fit(model, digits, epochs=3).score > 2 * digits.chance
    assert {w.dtype for w in model.trainable_weights} == {"float32"}
    assert model.layers[-1].compute_dtype == "float32"
    assert model.layers[-3].compute_dtype == "bfloat16"


def rate(training, steps, step):
    learning_rate = optimizer(training, steps)._learning_rate
    return float(learning_rate(step)) if callable(learning_rate) else float(learning_rate)


def test_warm_up_rises_to_the_rate_and_decay_falls_to_zero():
    training = Training(learning_rate=0.1, warmup=0.1, decay="cosine")
    rates = [rate(training, 100, step) for step in range(101)]
    assert rates[0] == 0
    assert rates[5] == pytest.approx(0.05)
    assert rates[10] == pytest.approx(0.1) == max(rates)
    assert rates[55] == pytest.approx(0.05)
    assert rates[100] == pytest.approx(0, abs=1e-8)
    constant = Training(learning_rate=0.1, warmup=0.1)
    assert rate(constant, 100, 50) == rate(constant, 100, 99) == pytest.approx(0.1)
    assert rate(Training(learning_rate=0.1, warmup=0.0), 100, 0) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1; got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"warmup": 1.0}, r"warmup must be in \[0, 1\)"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0 or null"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"steps_per_execution": 0}, "steps_per_execution must be at least 1; got 0"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\) or null; got 1.0"),
        ({"jit_compile": "maybe"}, "jit_compile must be true, false or auto"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more"),
        ({"strategy": "cpus"}, "did you mean 'cpu'"),
        ({"strategy": "gpu"}, "needs a GPU"),
        ({"epoch": 3}, "no setting named 'epoch'; did you mean 'epochs'"),
    ],
)
def test_bad_settings_are_refused_before_training(model, digits, settings, message):
    if settings.get("strategy") == "gpu" and keras.distribution.list_devices("gpu"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(UsageError, match=message):
        fit(model, digits, **settings)
    assert not model.compiled


def test_a_directory_that_cannot_be_written_is_found_first(model, digits, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeraseqError, match="choose another directory"):
        fit(model, digits, directory=tmp_path / "file" / "run")
    assert not model.compiled


def test_a_model_remains_an_ordinary_keras_model(digits):
    model = keraseq.create_model("cnn", digits, parameters=2000)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    history = model.fit(digits.train, validation_data=digits.validation, epochs=1, shuffle=False, verbose=0).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
