"""Output kinds with a target at every step: losses and metrics over the steps that count, and no others."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keraseq import create_model
from keraseq.errors import UsageError
from keraseq.models import (
    Classification,
    Features,
    Forecasting,
    LanguageModelling,
    MultiLabelClassification,
    MultiLabelTagging,
    Output,
    Regression,
    Tagging,
    Tokens,
    Transduction,
    Translation,
    outputs,
)

TAGS = Tagging(("a", "b", "c"))
WORDS = Translation(9, start=7, end=8)
LANGUAGE = LanguageModelling(9, "character")
NOTES = MultiLabelTagging(("c", "e", "g", "b"))
TOPICS = MultiLabelClassification(("c", "e", "g", "b"))
KINDS = [TAGS, WORDS, LANGUAGE, NOTES]


def example(output: Any, lengths: tuple[int, ...] = (5, 2, 4), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets `(batch, time, …)`, padded, and logits."""
    rng = np.random.default_rng(seed)
    classes = output.vocabulary_size if hasattr(output, "vocabulary_size") else len(output.labels)
    real = np.arange(max(lengths)) < np.array(lengths)[:, None]
    if output.target_shape:
        notes = np.where(real[..., None], rng.integers(0, 2, (*real.shape, classes)), output.padding)
        return notes.astype("int32"), rng.normal(size=notes.shape).astype("float32")
    targets = np.where(real, rng.integers(output.padding + 1, classes, real.shape), output.padding)
    return targets.astype("int32"), rng.normal(size=(*real.shape, classes)).astype("float32")


def pad(output: Any, targets: np.ndarray, logits: np.ndarray, more: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The same with more padding, on both sides and a whole row, and junk in it."""
    around = ((0, 1), (1, more), (0, 0))
    targets = np.pad(targets, around[: targets.ndim], constant_values=output.padding)
    logits = np.pad(logits, around)
    no_step = (targets if targets.ndim == 3 else targets[..., None]) == output.padding
    return targets, np.where(no_step, [50.0, *[-50.0] * (logits.shape[-1] - 1)], logits)


def expected(output: Any, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Loss without smoothing, and metrics, one step after the other."""
    if isinstance(output, MultiLabelTagging):
        pairs = [(t, s) for row, scores in zip(targets, logits, strict=True) for t, s in zip(row, scores, strict=True)]
        p = [(target, 1 / (1 + np.exp(-score.astype("float64")))) for target, score in pairs if target[0] >= 0]
        nll = float(np.mean([-np.log(np.where(target == 1, odds, 1 - odds)).sum() for target, odds in p]))
        return {"loss": nll, "nll": nll}
    surprises, right = [], []
    for row, scores in zip(targets, logits.astype("float64"), strict=True):
        for target, score in zip(row, scores, strict=True):
            if target != output.padding:
                surprises.append(np.log(np.exp(score).sum()) - score[target])
                right.append(score.argmax() == target)
    loss, accuracy = float(np.mean(surprises)), float(np.mean(right))
    if isinstance(output, Tagging):
        return {"loss": loss, "accuracy": accuracy, "cross_entropy": loss}
    if isinstance(output, LanguageModelling):
        perplexity = float(np.exp(loss))
        return {"loss": loss, "perplexity": perplexity, output.bits: float(np.log2(perplexity)), "accuracy": accuracy}
    return {"loss": loss, "perplexity": float(np.exp(loss)), "token_accuracy": accuracy}


def measured(output: Any, *batches: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    metrics = output.metrics()
    for batch in batches:
        for metric in metrics:
            metric.update_state(*batch)
    return {metric.name: float(metric.result()) for metric in metrics}


@pytest.mark.parametrize("output", KINDS, ids=lambda output: output.kind)
def test_loss_and_metrics_are_means_over_the_steps_that_count(output: Any) -> None:
    targets, logits = example(output)
    wanted = expected(output, targets, logits)
    assert float(output.loss()(targets, logits)) == pytest.approx(wanted.pop("loss"), rel=1e-5)
    assert measured(output, (targets, logits)) == pytest.approx(wanted, rel=1e-5)
    assert {output.metric} <= set(wanted)


@pytest.mark.parametrize("output", KINDS, ids=lambda output: output.kind)
def test_padding_and_what_stands_there_change_nothing(output: Any) -> None:
    batch = example(output)
    padded = pad(output, *batch)
    assert float(output.loss()(*padded)) == pytest.approx(float(output.loss()(*batch)), rel=1e-5)
    assert measured(output, padded) == pytest.approx(measured(output, batch), rel=1e-5)


@pytest.mark.parametrize("output", KINDS, ids=lambda output: output.kind)
def test_how_examples_fall_into_batches_changes_no_metric(output: Any) -> None:
    targets, logits = example(output)
    one, two = example(output, (7, 1), seed=1)
    apart = [(targets[:1], logits[:1]), (targets[1:, :4], logits[1:, :4]), (one, two)]
    together = [(targets, logits), (one[:1], two[:1]), (one[1:, :1], two[1:, :1])]
    assert measured(output, *apart) == pytest.approx(measured(output, *together), rel=1e-5)


@pytest.mark.parametrize("output", KINDS, ids=lambda output: output.kind)
def test_a_batch_of_padding_costs_nothing(output: Any) -> None:
    targets, logits = example(output)
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = output.loss()(np.full_like(targets, output.padding), logits)
    assert float(loss) == 0
    assert not np.any(tape.gradient(loss, logits))
    before = measured(output, (targets, logits))
    assert measured(output, (targets, logits), (np.full_like(targets, output.padding), logits)) == before


class Passing(keras.layers.Layer):
    """Its input, with a mask that hides half of the steps that count."""

    supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return keras.ops.cumsum(keras.ops.ones_like(inputs[..., 0]), axis=1) % 2 == 0

    def call(self, inputs: Any) -> Any:
        return inputs + 0


@pytest.mark.parametrize("output", KINDS, ids=lambda output: output.kind)
@pytest.mark.parametrize("masked", [False, True])
def test_keras_evaluates_exactly_whatever_the_mask_of_the_model(output: Any, masked: bool) -> None:
    """Batches of different sizes and lengths, through `fit` and `evaluate`."""
    batches = [example(output, lengths, seed) for seed, lengths in enumerate([(5, 2, 4), (1,), (9, 1, 3, 3)])]
    inputs = keras.Input((None, batches[0][1].shape[-1]))
    model = keras.Model(inputs, Passing()(inputs) if masked else keras.layers.Identity()(inputs))
    model.compile("sgd", loss=output.loss(), metrics=output.metrics())
    scores = [model.evaluate(logits, targets, verbose=0, return_dict=True) for targets, logits in batches]
    for score, batch in zip(scores, batches, strict=True):
        assert score == pytest.approx(expected(output, *batch), rel=1e-4)
    asked = tf.TensorSpec((None, None, *output.target_shape), tf.int32)
    spec = (tf.TensorSpec((None, None, inputs.shape[-1])), asked)
    dataset = tf.data.Dataset.from_generator(lambda: ((x, y) for y, x in batches), output_signature=spec)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    score = model.evaluate(dataset, verbose=0, return_dict=True)
    padded = [
        (
            np.pad(y, ((0, 0), (0, 9 - y.shape[1]), (0, 0))[: y.ndim], constant_values=output.padding),
            np.pad(x, ((0, 0), (0, 9 - x.shape[1]), (0, 0))),
        )
        for y, x in batches
    ]
    wanted = expected(output, *(np.concatenate(part) for part in zip(*padded, strict=True)))
    for name in (metric.name for metric in output.metrics()):
        assert score[name] == pytest.approx(wanted[name], rel=1e-4)


def test_sample_weights_are_of_steps_or_of_sequences() -> None:
    targets, logits = example(TAGS)
    weight = np.random.default_rng(1).uniform(size=targets.shape).astype("float32")
    real = (targets >= 0) * weight
    surprises = (
        np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, np.maximum(targets, 0)[..., None], -1)[..., 0]
    )
    assert float(TAGS.loss()(targets, logits, weight)) == pytest.approx((real * surprises).sum() / real.sum(), rel=1e-5)
    rows = np.array([1.0, 0.0, 0.0], "float32")
    assert float(TAGS.loss()(targets, logits, rows)) == pytest.approx(float(TAGS.loss()(targets[:1], logits[:1])))
    metric = TAGS.metrics()[1]
    metric.update_state(targets, logits, weight)
    assert float(metric.result()) == pytest.approx((real * surprises).sum() / real.sum(), rel=1e-5)


def test_label_smoothing_is_that_of_keras_and_no_metric_knows_it() -> None:
    smooth = Translation(9, start=7, end=8, label_smoothing=0.2)
    targets, logits = example(smooth)
    real = targets != 0
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    wanted = float(keras_loss(keras.ops.one_hot(targets[real], 9), logits[real]))
    assert float(smooth.loss()(targets, logits)) == pytest.approx(wanted, rel=1e-5)
    assert abs(float(WORDS.loss()(targets, logits)) - wanted) > 1e-3
    assert measured(smooth, (targets, logits)) == measured(WORDS, (targets, logits))


@pytest.mark.parametrize("plain", [Classification(tuple("abcde")), TAGS, LANGUAGE], ids=lambda output: output.kind)
def test_label_smoothing_is_of_every_output_with_classes(plain: Any) -> None:
    targets, logits = example(plain)
    real = targets != plain.padding
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    wanted = float(keras_loss(keras.ops.one_hot(targets[real], logits.shape[-1]), logits[real]))
    if not plain.per_step:
        targets, logits = targets[real], logits[real]
    assert float(plain.smoothed(0.2).loss()(targets, logits)) == pytest.approx(wanted, rel=1e-5)
    assert float(plain.smoothed(None).loss()(targets, logits)) == float(plain.loss()(targets, logits))


def test_label_smoothing_is_refused_where_there_are_no_classes() -> None:
    assert Regression(1).smoothed(0.0) == Regression(1)
    with pytest.raises(UsageError, match=r"one class of several; got 0\.1 for regression: leave it out"):
        Regression(1).smoothed(0.1)


@pytest.mark.parametrize(
    "output",
    [
        Classification(("a", "b"), label_smoothing=0.1),
        Regression(2),
        TAGS,
        Translation(9, 7, 8, longest=12, label_smoothing=0.1),
        LanguageModelling(70, "subword"),
        MultiLabelClassification(("a",)),
        MultiLabelTagging(("c", "e"), next_step=True),
        Forecasting(24, 7, reversible=False),
        Transduction(("a",), "phone"),
    ],
    ids=lambda output: output.kind,
)
def test_a_specification_survives_json(output: Output) -> None:
    assert outputs.from_json(json.loads(json.dumps(outputs.to_json(output)))) == output


@pytest.mark.parametrize(
    "output",
    [TAGS, Translation(9, 7, 8, label_smoothing=0.1), LANGUAGE, NOTES, TOPICS, Transduction(("a", "b", "c"))],
    ids=lambda output: output.kind,
)
def test_losses_and_metrics_are_saved_with_a_model(output: Any) -> None:
    batch = example(output)
    loss = keras.losses.deserialize(keras.losses.serialize(output.loss()))
    assert float(loss(*batch)) == float(output.loss()(*batch))
    for metric in output.metrics():
        again = keras.metrics.deserialize(keras.metrics.serialize(metric))
        again.update_state(*batch)
        metric.update_state(*batch)
        assert again.name == metric.name
        assert float(again.result()) == float(metric.result())


def test_tags_are_decoded_without_padding() -> None:
    logits = np.log(np.array([[[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], [[0.2, 0.7, 0.1], [1, 1, 1]]]))
    first, second = TAGS.decode(logits, np.array([[True, True], [True, False]]))
    assert first["labels"] == ["a", "c"]
    assert first["probabilities"] == pytest.approx([0.5, 0.8])
    assert second["labels"] == ["b"]
    assert TAGS.decode(logits)[1]["labels"] == ["b", "a"]


def topics(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of whole sequences, and logits."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, (rows, 4)).astype("int32"), rng.normal(size=(rows, 4)).astype("float32")


def test_f1_of_labels_is_counted_over_all_batches() -> None:
    one, two = topics(5, 0), topics(2, 1)
    y, x = (np.concatenate(sides) for sides in zip(one, two, strict=True))
    right, found, wanted = ((y == 1) & (x > 0)).sum(), (x > 0).sum(), y.sum()
    precision, recall = right / found, right / wanted
    p = 1 / (1 + np.exp(-x.astype("float64")))
    loss = -np.log(np.where(y == 1, p, 1 - p)).mean()
    scores = measured(TOPICS, one, two)
    assert scores == pytest.approx(
        {"f1": 2 * precision * recall / (precision + recall), "binary_cross_entropy": loss}, rel=1e-5
    )
    assert float(TOPICS.loss()(y, x)) == pytest.approx(loss, rel=1e-5)
    assert measured(TOPICS, (0 * y, -np.abs(x)))["f1"] == 0
    metric = TOPICS.metrics()[0]
    metric.update_state(y, x, np.array([1.0] * 5 + [0.0] * 2))
    assert float(metric.result()) == pytest.approx(measured(TOPICS, one)["f1"], rel=1e-6)


def test_labels_of_sequences_are_decoded_with_their_probabilities() -> None:
    first, second = TOPICS.decode(np.array([[0.0, 3.0, -1.0, 1.0], [-1.0, -1.0, -1.0, -1.0]]))
    assert first["labels"] == ["e", "b"]
    assert first["probabilities"] == pytest.approx([1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-1))])
    assert second == {"labels": [], "probabilities": []}


def test_what_comes_next_is_told_with_the_bits_of_the_text() -> None:
    logits = np.log(np.array([[[0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.2, 0.6], [0.25, 0.25, 0.25, 0.25]]]))
    (answer,) = LanguageModelling(4, "character").decode(logits, np.array([[1, 2, 0]]), lambda s: "?abc"[s[0]])
    assert [one["text"] for one in answer["next"]][:2] == ["c", "b"]
    assert answer["next"][0]["probability"] == pytest.approx(0.6)
    assert answer["bits_per_character"] == pytest.approx(-np.log2(0.7))
    (alone,) = LanguageModelling(4, "word").decode(logits, np.array([[1, 0, 0]]), lambda s: "?abc"[s[0]])
    assert alone.keys() == {"next"}


def test_the_metric_of_a_language_follows_its_unit() -> None:
    assert [LanguageModelling(9, unit).metric for unit in ("byte", "character", "subword", "word")] == [
        "bits_per_byte",
        "bits_per_character",
        "perplexity",
        "perplexity",
    ]


def test_notes_and_forecasts_are_decoded() -> None:
    logits = np.array([[[2.0, -1.0, 0.5, -3.0], [-1.0, -1.0, -1.0, -1.0]]])
    assert NOTES.decode(logits) == [{"labels": [["c", "g"], []]}]
    assert NOTES.decode(logits, np.array([[True, False]])) == [{"labels": [["c", "g"]]}]
    assert Forecasting(2).decode(np.array([[[1.0], [2.0]]])) == [{"forecast": [1.0, 2.0]}]
    assert Forecasting(1, 2).decode(np.array([[[1.0, 2.0]]])) == [{"forecast": [[1.0, 2.0]]}]


def test_a_reversible_forecast_follows_the_level_and_the_scale_of_its_window() -> None:
    asked = SimpleNamespace(inputs=Features(2, length=12), output=Forecasting(3, 2))
    model = create_model("gru", asked, units=4, seed=0)
    x = np.random.default_rng(0).normal(size=(2, 12, 2)).astype("float32")
    plain, moved = (keras.ops.convert_to_numpy(model(steps)) for steps in (x, 10 * x - 30))
    assert plain.shape == (2, 3, 2)
    np.testing.assert_allclose(moved, 10 * plain - 30, rtol=1e-3)
    level = create_model("gru", SimpleNamespace(inputs=asked.inputs, output=Forecasting(3, 2, reversible=False)))
    assert np.abs(keras.ops.convert_to_numpy(level(10 * x - 30)) - (10 * level(x) - 30)).max() > 1


@pytest.mark.parametrize(
    "inputs",
    [Features(7, length=12), Features(1), Features(1, 12, (0.0,), (1.0,)), Tokens(9, length=12)],
    ids=["other size", "any length", "standardised", "tokens"],
)
def test_a_reversible_forecast_that_cannot_be_scaled_back_is_refused(inputs: Any) -> None:
    with pytest.raises(UsageError, match=r"a reversible forecast of 1 numbers a step needs .* reversible=False"):
        create_model("gru", SimpleNamespace(inputs=inputs, output=Forecasting(3)))
    create_model("gru", SimpleNamespace(inputs=inputs, output=Forecasting(3, reversible=False)))


def test_features_are_standardised_in_full_precision() -> None:
    asked = SimpleNamespace(inputs=Features(1, length=4, mean=(1000.0,), deviation=(1.0,)), output=Regression())
    model = create_model("gru", asked, precision="mixed_bfloat16", seed=0)
    x = np.array([999.0, 1000.4, 1001.0, 1000.0], "float32").reshape(1, 4, 1)
    inner = keras.Model(model.input, model.get_layer("standardise").output)
    np.testing.assert_allclose(inner(x)[0, :, 0], [-1, 0.4, 1, 0], atol=1e-3)


def test_previous_symbols_begin_with_the_start() -> None:
    targets = np.array([[3, 4, 8, 0], [8, 0, 0, 0], [1, 2, 3, 8]], "int32")
    before = targets.copy()
    previous = WORDS.previous(targets)
    assert previous.tolist() == [[7, 3, 4, 0], [7, 0, 0, 0], [7, 1, 2, 3]]
    assert previous.dtype == np.int32
    np.testing.assert_array_equal(targets, before)


def test_translations_are_decoded_up_to_their_end() -> None:
    symbols = np.array([[3, 7, 4, 8, 5], [8, 3, 3, 3, 3], [1, 2, 3, 4, 0]])
    answers = WORDS.decode(symbols, lambda row: " ".join(map(str, row)))
    assert answers == [{"text": "3 4"}, {"text": ""}, {"text": "1 2 3 4"}]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tagging(("a",)), "tagging needs at least 2 labels; got 1"),
        (lambda: Translation(9, 7, 7), "start and end must be two symbols in 1 … vocabulary_size - 1; got 7 and 7"),
        (lambda: Translation(9, 0, 8), "got 0 and 8"),
        (lambda: Translation(8, 7, 8), "got 7 and 8, and a vocabulary of 8"),
        (lambda: Translation(9, 7, 8, label_smoothing=1.0), r"label_smoothing must be in \[0, 1\); got 1.0"),
        (lambda: Translation(9, 7, 8, longest=0), "longest must be at least 1; got 0"),
        (lambda: LanguageModelling(2), "vocabulary_size must be at least 3; got 2"),
        (lambda: LanguageModelling(9, "line"), "unit must be one of byte, character, subword, word; got 'line'"),
        (lambda: MultiLabelTagging(()), "multilabel tagging needs at least 1 label; got none"),
        (lambda: MultiLabelClassification(()), "multilabel classification needs at least 1 label; got none"),
        (lambda: Transduction(()), "transduction needs at least 1 label; got none"),
        (lambda: Transduction(("a",), "line"), "unit must be one of character, phone, word; got 'line'"),
        (lambda: Forecasting(0), "horizon must be at least 1; got 0"),
    ],
)
def test_wrong_specifications_are_refused(make: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
