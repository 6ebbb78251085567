"""Connectionist temporal classification against sums over all paths, and error rates against plain edit distances."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import create_model, layers
from keraseq.errors import UsageError
from keraseq.models import Features, Tokens, Transduction, Waveform
from keraseq.ops.compiled import gradient
from keraseq.ops.graph import mask_of
from keraseq.testing.models.case import Asked

LETTERS = Transduction(("a", "b"), unit="character")
TARGETS = {"two": [0, 1], "repeated": [1, 1], "empty": [], "three": [0, 1, 0], "twice repeated": [0, 0, 0]}
FRAMES = 5


def batch(targets: list[list[int]], frames: int = FRAMES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets, padded, and random logits."""
    longest = max(map(len, targets))
    padded = [[*target, *[-1] * (longest - len(target))] for target in targets]
    logits = np.random.default_rng(seed).normal(0, 2, (len(targets), frames, 3)).astype("float32")
    return np.array(padded, "int32").reshape(len(targets), longest), logits


def read(path: Any, blank: int = 2) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label != blank]


def surprise(logits: np.ndarray, target: list[int]) -> float:
    """-log of the sum of the probabilities of all paths that read as the target."""
    p = np.exp(logits.astype("float64"))
    p /= p.sum(axis=1, keepdims=True)
    paths = itertools.product(range(p.shape[1]), repeat=len(p))
    return float(-np.log(sum(np.prod(p[range(len(p)), path]) for path in map(list, paths) if read(path) == target)))


def distance(a: list[int], b: list[int]) -> int:
    """The fewest edits from one to the other, by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))


def rate(*batches: tuple[Any, ...]) -> float:
    (metric,) = LETTERS.metrics()
    for one in batches:
        metric.update_state(*one)
    return float(metric.result())


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
@pytest.mark.parametrize("seed", range(3))
def test_the_loss_of_a_target_is_that_of_all_its_paths(target: list[int], seed: int) -> None:
    targets, logits = batch([target], seed=seed)
    wanted = surprise(logits[0], target) / max(1, len(target))
    assert float(LETTERS.loss()(targets, logits)) == pytest.approx(wanted, rel=1e-5)


def test_the_loss_of_a_batch_is_a_mean_over_its_labels() -> None:
    targets, logits = batch(list(TARGETS.values()))
    total = sum(surprise(row, target) for row, target in zip(logits, TARGETS.values(), strict=True))
    assert float(LETTERS.loss()(targets, logits)) == pytest.approx(total / (2 + 2 + 1 + 3 + 3), rel=1e-5)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_weights_are_of_sequences(shape: tuple[int, ...]) -> None:
    targets, logits = batch(list(TARGETS.values()))
    weight = np.array([0.5, 0, 2, 1, 0], "float32")
    wanted = [surprise(row, target) for row, target in zip(logits, TARGETS.values(), strict=True)]
    loss = float(LETTERS.loss()(targets, logits, weight.reshape(shape)))
    assert loss == pytest.approx(weight @ wanted / (weight @ [2, 2, 1, 3, 3]), rel=1e-5)
    edits = [distance(read(row.argmax(-1)), t) for row, t in zip(logits, TARGETS.values(), strict=True)]
    found = rate((targets, logits, weight.reshape(shape)))
    assert found == pytest.approx(weight @ edits / (weight @ [2, 2, 0, 3, 3]))


@pytest.mark.parametrize("part", ["loss", "metric"])
def test_weights_of_steps_are_refused(part: str) -> None:
    targets, logits = batch([[0, 1], [1, 0]])
    call = LETTERS.loss() if part == "loss" else LETTERS.metrics()[0].update_state
    with pytest.raises(UsageError, match=r"weights must be of sequences, \(batch,\), .*; got shape \(2, 2\)"):
        call(targets, logits, np.ones((2, 2), "float32"))


def test_the_error_rate_is_of_all_edits_and_all_labels() -> None:
    random = np.random.default_rng(0)
    targets = [random.integers(0, 2, random.integers(0, 5)).tolist() for _ in range(40)]
    whole = batch(targets, frames=9)
    edits = sum(distance(read(row.argmax(-1)), target) for row, target in zip(whole[1], targets, strict=True))
    wanted = edits / sum(map(len, targets))
    assert rate(whole) == pytest.approx(wanted)
    apart = [(whole[0][:7], whole[1][:7]), (whole[0][7:], whole[1][7:])]
    assert rate(*apart) == pytest.approx(wanted)


@pytest.mark.parametrize(("target", "wanted"), [([0, 1, 0, 1], 1.0), ([0], 2.0)])
def test_nothing_read_is_all_wrong_and_too_much_is_more(target: list[int], wanted: float) -> None:
    path = [2] * 5 if wanted == 1 else [0, 1, 1, 2, 1]
    assert rate((np.array([target]), np.eye(3, dtype="float32")[None, path])) == wanted


def test_a_batch_of_empty_targets_asks_for_blanks() -> None:
    targets, logits = batch([[], []])
    assert targets.shape == (2, 0)
    wanted = np.mean([surprise(row, []) for row in logits])
    assert float(LETTERS.loss()(targets, logits)) == pytest.approx(wanted, rel=1e-5)
    assert rate((targets, logits)) == 0  # of no label


def test_a_target_without_a_path_costs_much_and_no_gradient_is_infinite() -> None:
    targets, logits = batch([[0, 0, 0]], frames=4)
    loss = LETTERS.loss()
    assert 100 < float(loss(targets, logits)) < np.inf
    slope = gradient(lambda x: loss(targets, x), ops.convert_to_tensor(logits))
    assert np.isfinite(ops.convert_to_numpy(slope)).all()
    assert LETTERS.frames(np.array([0, 0, 0])) == 5
    assert [LETTERS.frames(np.array(target, int)) for target in ([], [1], [0, 1, 1])] == [0, 1, 4]


@pytest.mark.parametrize("before", [0, 3])
def test_padding_at_either_end_changes_nothing(before: int) -> None:
    targets, logits = batch(list(TARGETS.values()))
    around = ((0, 0), (before, 4))
    mask = np.pad(np.ones(logits.shape[:2], bool), around)
    junk = np.pad(logits, (*around, (0, 0)), constant_values=50.0)
    padded = layers.BlankPadding()(junk, mask=ops.convert_to_tensor(mask))
    assert mask_of(padded) is None
    more = np.pad(targets, ((0, 0), (0, 2)), constant_values=-1)
    loss = LETTERS.loss()
    assert float(loss(more, padded)) == pytest.approx(float(loss(targets, logits)), rel=1e-5)
    assert rate((more, padded)) == rate((targets, logits))
    assert LETTERS.decode(ops.convert_to_numpy(padded)) == LETTERS.decode(logits)


def test_padding_inside_a_sequence_is_a_pause() -> None:
    logits = np.eye(3, dtype="float32")[None, [0, 0, 0, 1]]
    mask = ops.convert_to_tensor(np.array([[True, False, True, True]]))
    assert LETTERS.decode(logits) == [{"text": "ab"}]
    assert LETTERS.decode(ops.convert_to_numpy(layers.BlankPadding()(logits, mask=mask))) == [{"text": "aab"}]


def test_gradients_do_not_reach_padding() -> None:
    mask = ops.convert_to_tensor(np.array([[True, True, False]]))
    targets, logits = batch([[0]], frames=3)
    layer, loss = layers.BlankPadding(), LETTERS.loss()
    slope = gradient(lambda x: loss(targets, layer(x, mask=mask)), ops.convert_to_tensor(logits))
    assert (ops.convert_to_numpy(ops.any(slope != 0, axis=-1)) == [[True, True, False]]).all()


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("kind", ["features", "waveform", "tokens"])
def test_a_model_says_blank_at_padding_whatever_stands_there(kind: str, precision: str) -> None:
    """Features in front of a sequence and behind it, samples and tokens behind it."""
    inputs: Any = {
        "features": Features(2),
        "waveform": Waveform(1000, mels=4, frame_length=0.032, hop=0.016),
        "tokens": Tokens(9),
    }[kind]
    model = create_model("gru", Asked(inputs, LETTERS), units=4, bidirectional=True, precision=precision, seed=0)
    values = np.random.default_rng(0).uniform(1, 8, (2, 6, 2)).astype("float32")
    mask = np.array([[0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]], bool)
    if kind == "waveform":
        values, mask = np.repeat(values[..., 0], 16, axis=1) / 8, np.repeat(np.sort(mask)[:, ::-1], 16, axis=1)
    if kind == "tokens":
        plain, junk = np.where(mask, values[..., 0].astype("int32"), 0), None
    else:
        plain = {"values": values, "mask": mask}
        marked = mask[..., None] if kind == "features" else mask
        junk = {"values": np.where(marked, values, 7).astype("float32"), "mask": mask}
    logits = ops.convert_to_numpy(model(plain))
    frames = mask[:, ::16] if kind == "waveform" else mask
    assert logits.dtype == np.float32
    assert logits.shape == (2, 6, 3)
    assert (logits[~frames] == np.array([-6e4, -6e4, 0], "float32")).all()
    assert np.abs(logits[frames]).max() < 100
    if junk:
        np.testing.assert_allclose(ops.convert_to_numpy(model(junk)), logits, atol=1e-4)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_learns_to_write_what_it_reads(compiled: bool) -> None:
    """Tokens that last one to three steps, each of which is a letter, through `fit` and `evaluate`."""
    random = np.random.default_rng(0)
    targets = random.integers(0, 2, (64, 3)).astype("int32")
    tokens = np.zeros((64, 14), "int32")
    for row, target in zip(tokens, targets, strict=True):
        steps = [step for label in target for step in (label + 1, *[label + 1] * random.integers(0, 3), 3)]
        row[: len(steps)] = steps
    model = create_model("linear", Asked(Tokens(4), LETTERS), dropout=0.0, seed=0)
    model.compile(keras.optimizers.Adam(0.03), LETTERS.loss(), metrics=LETTERS.metrics(), jit_compile=compiled)
    model.fit(tokens, targets, epochs=6, batch_size=16, verbose=0)
    assert model.evaluate(tokens, targets, verbose=0, return_dict=True)["character_error_rate"] < 0.02
    texts = [{"text": "".join("ab"[k] for k in target)} for target in targets]
    right = [found == text for found, text in zip(LETTERS.decode(model.predict_on_batch(tokens)), texts, strict=True)]
    assert np.mean(right) > 0.95


def test_no_mask_that_logits_carry_is_looked_at() -> None:
    targets, logits = batch([[0, 1], [1, 1]])
    logits[:, ::2] = 0
    given = keras.Input((FRAMES, 3))
    scores = []
    for layer in (keras.layers.Identity(), keras.layers.Masking(0.0)):
        model = keras.Model(given, layer(given))
        model.compile(loss=LETTERS.loss(), metrics=LETTERS.metrics())
        scores.append(model.evaluate(logits, targets, verbose=0, return_dict=True))
    assert scores[0] == pytest.approx(scores[1])


def test_words_are_written_apart() -> None:
    logits = np.eye(4, dtype="float32")[None, [0, 3, 0, 2, 2, 3]]
    labels = ("one", "two", "three")
    assert Transduction(labels).decode(logits) == [{"text": "one one three"}]
    assert Transduction(labels, "character").decode(logits) == [{"text": "oneonethree"}]
    assert Transduction(labels).metric == "word_error_rate"
    assert Transduction(labels, "phone").metric == "phone_error_rate"


def test_a_model_runs_step_by_step() -> None:
    from keraseq.inference.stepwise import Stepwise

    model = create_model("gru", Asked(Features(2), LETTERS), units=4, seed=0)
    x = {"values": np.random.default_rng(0).normal(size=(2, 5, 2)).astype("float32"), "mask": np.ones((2, 5), bool)}
    x["mask"][0, 3:] = False
    stepwise = Stepwise(model)
    state, parts = stepwise.initial_state(2), []
    for t in range(5):
        y, state = stepwise.step({name: part[:, t] for name, part in x.items()}, state)
        parts.append(ops.convert_to_numpy(y))
    np.testing.assert_allclose(np.stack(parts, axis=1), ops.convert_to_numpy(model(x)), atol=1e-5)


def test_pooling_has_no_effect_and_is_refused() -> None:
    with pytest.raises(UsageError, match="pooling='max' has no effect on transduction; leave it out"):
        create_model("gru", Asked(Features(2), LETTERS), pooling="max")
