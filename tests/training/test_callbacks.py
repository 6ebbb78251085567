"""Callbacks of Keras and of MLflow under `fit`, on one device and on replicas."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

import keraseq
from keraseq.errors import UsageError
from keraseq.registry import strategies
from keraseq.training.tracking import note, tracked


@pytest.fixture(params=["one device", "replicas"])
def anywhere(request, monkeypatch):
    if request.param == "replicas":
        monkeypatch.setattr(strategies, "get", lambda name: tf.distribute.OneDeviceStrategy("CPU:0").scope)


def train(task, **settings):
    model = keraseq.create_model("linear", task, seed=0)
    return model, keraseq.fit(model, task, progress=False, **{"epochs": 3, "patience": None, **settings})


@pytest.mark.usefixtures("anywhere")
def test_callbacks_of_keras_see_the_training(digits, tmp_path):
    halving = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 / 2**epoch)
    stock = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ModelCheckpoint(tmp_path / "last.keras"),
        keras.callbacks.TensorBoard(tmp_path / "events"),
        halving,
    ]
    model, result = train(digits, callbacks=stock, warmup=0.0)
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [float(row["val_loss"]) for row in rows] == pytest.approx(result.history["val_loss"])
    assert result.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.025])
    saved = keras.models.load_model(tmp_path / "last.keras", compile=False)
    if result.best_epoch == 3:
        assert all(np.array_equal(a, b) for a, b in zip(saved.get_weights(), model.get_weights(), strict=True))
    assert list((tmp_path / "events" / "validation").iterdir())


def test_two_cannot_set_the_step_size(digits):
    plateau = keras.callbacks.ReduceLROnPlateau()
    with pytest.raises(UsageError, match=r"ReduceLROnPlateau sets the step size, and so does the schedule; got warmup"):
        train(digits, callbacks=[plateau])


def test_stock_keras_trains_a_model_too(digits):
    model = keraseq.create_model("linear", digits, seed=0)
    model.compile("adam", digits.output.loss(), metrics=["accuracy"])
    history = model.fit(digits.train, validation_data=digits.validation, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # of MLflow's own queries
def test_mlflow_has_settings_metrics_and_scores_and_a_resumed_run_goes_on(digits, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="keraseq[mlflow] is not installed")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'runs.db'}")
    monkeypatch.chdir(tmp_path)
    for resume in (False, True):
        with tracked(tmp_path, {"model": "linear"}, resume) as callbacks:
            _, result = train(digits, callbacks=callbacks, directory=tmp_path / "run", resume=resume)
            note({"test_accuracy": 0.5})
    (run,) = mlflow.search_runs(output_format="list", search_all_experiments=True)
    assert run.data.params["model"] == "linear"
    assert run.data.metrics["test_accuracy"] == 0.5
    told = [point.value for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, "val_loss")]
    assert told == pytest.approx(result.history["val_loss"])
