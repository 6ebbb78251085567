"""Saved models: the same predictions on raw inputs, in another process, and nothing damaged goes unseen."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import keraseq
from keraseq.errors import KeraseqError, UsageError
from keraseq.registry import UnknownNameError, models

FRESH = """
import json, sys, keraseq
raw = json.loads(sys.stdin.read())
print(json.dumps(keraseq.load_model(sys.argv[1]).predict(raw)))
"""


@pytest.mark.parametrize("family", models.names())
def test_a_model_predicts_the_same_in_a_fresh_process(family, digits, tmp_path):
    model = keraseq.create_model(family, digits, parameters=4000, seed=0)
    keraseq.save_model(model, digits, tmp_path, {"seed": 0})
    raw = [image.tolist() for image, _ in digits.raw("test", 4)]
    here = keraseq.load_model(tmp_path).predict(raw)
    if family in ("gru", "transformer"):  # processes cost seconds: one recurrent, one not
        command = [sys.executable, "-c", FRESH, str(tmp_path)]
        there = subprocess.run(command, input=json.dumps(raw), capture_output=True, text=True, check=True, timeout=120)
        assert json.loads(there.stdout) == here
    logits = model.predict_on_batch(digits.preprocessor.batch(raw))
    assert [a["label"] for a in here] == [digits.output.labels[i] for i in logits.argmax(-1)]
    assert [a["probability"] for a in here] == pytest.approx(
        (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).max(-1).tolist(), abs=1e-5
    )


def test_regression_predicts_values(adding, tmp_path):
    keraseq.save_model(keraseq.create_model("gru", adding, units=4), adding, tmp_path)
    answers = keraseq.load_model(tmp_path).predict([x for x, _ in adding.raw("test", 3)])
    assert all(isinstance(answer["value"], float) for answer in answers)


@pytest.fixture
def saved(digits, tmp_path):
    keraseq.save_model(keraseq.create_model("linear", digits, units=4), digits, tmp_path / "m", {"score": 1})
    return tmp_path / "m"


def test_the_card_tells_what_the_model_is(saved, digits):
    card = json.loads((saved / "card.json").read_text())
    assert card["task"]["name"] == "digits"
    assert card["score"] == 1
    assert card["output"]["labels"] == list(digits.output.labels)
    assert card["layers"] == ["pooling"]
    assert {"keraseq", "keras", "python", "tensorflow"} <= set(card["versions"])


def edit(saved, **changes):
    card = json.loads((saved / "card.json").read_text())
    (saved / "card.json").write_text(json.dumps(card | changes))


def test_damage_is_seen(saved, tmp_path):
    with pytest.raises(KeraseqError, match="no model in"):
        keraseq.load_model(tmp_path / "elsewhere")
    edit(saved, layers=["no_such_layer"])
    with pytest.raises(UnknownNameError, match="no layer named 'no_such_layer'"):
        keraseq.load_model(saved)
    edit(saved, format=99, layers=["pooling"])
    with pytest.raises(KeraseqError, match="format 99; this keraseq reads 1"):
        keraseq.load_model(saved)
    edit(saved, format=1)
    keraseq.load_model(saved)
    with (saved / "model.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(KeraseqError, match="not the file its card describes"):
        keraseq.load_model(saved)
    (saved / "card.json").write_text("{")
    with pytest.raises(KeraseqError, match="not readable as JSON"):
        keraseq.load_model(saved)


def test_wrong_raw_inputs_are_refused(saved):
    predictor = keraseq.load_model(saved)
    assert predictor.predict([]) == []
    with pytest.raises(UsageError, match="got one string"):
        predictor.predict("text")
    with pytest.raises(UsageError, match="example 0 must"):
        predictor.predict([[1.0, 2.0]])
    with pytest.raises(UsageError, match="finite"):
        predictor.predict([np.full((8, 8), np.nan)])


def test_a_layer_that_nobody_could_find_again_is_refused_at_saving(digits, tmp_path):
    class Secret(keras.layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((64, 1))
    x = keras.layers.Flatten()(Secret()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10)(x))
    with pytest.raises(UsageError, match=r"Secret is not registered.*register\(name\)"):
        keraseq.save_model(model, digits, tmp_path)
