"""Preprocessors: model inputs from raw examples, clear errors for what cannot be used, JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from keraseq.errors import UsageError
from keraseq.models.inputs import Features, Tokens
from keraseq.models.outputs import Translation
from keraseq.tasks.preprocess import (
    FeaturePreprocessor,
    PairPreprocessor,
    Preprocessor,
    SymbolPreprocessor,
    TextPreprocessor,
)
from keraseq.tasks.tokenise import TOKENISERS, UNKNOWN

TEXTS = ["one two three four", "five two"]


def text(kind: str = "words", max_length: int = 3, truncate: str = "end") -> TextPreprocessor:
    return TextPreprocessor(TOKENISERS[kind].fit(TEXTS, 300), max_length, truncate)


def again(preprocessor: Preprocessor) -> Preprocessor:
    return Preprocessor.from_json(json.loads(json.dumps(preprocessor.to_json())))


@pytest.mark.parametrize(("truncate", "kept"), [("end", "one two three"), ("start", "two three four")])
def test_the_named_end_of_a_long_text_is_cut(truncate: str, kept: str) -> None:
    preprocessor = text(truncate=truncate)
    batch = preprocessor.batch(TEXTS)
    assert batch.shape == (2, 3)
    assert batch.dtype == np.int32
    assert preprocessor.tokeniser.decode(batch[0]) == kept
    assert preprocessor.tokeniser.decode(batch[1]) == "five two"
    assert batch[1, 2] == 0


@pytest.mark.parametrize("kind", TOKENISERS)
@pytest.mark.parametrize("raw", ["", " \n ", "\ud800", "Ж" * 100, "\x00"])
def test_no_text_makes_an_empty_row(kind: str, raw: str) -> None:
    batch = text(kind).batch([raw, "one two"])
    assert (batch[:, 0] > 0).all()
    if not raw:
        assert batch[0, 0] == UNKNOWN
        assert not batch[0, 1:].any()


@pytest.mark.parametrize("kind", TOKENISERS)
def test_a_restored_text_preprocessor_gives_the_same(kind: str) -> None:
    preprocessor = text(kind, truncate="start")
    restored = again(preprocessor)
    assert restored.spec == preprocessor.spec == Tokens(preprocessor.tokeniser.size, longest=preprocessor.max_length)
    np.testing.assert_array_equal(restored.batch(TEXTS), preprocessor.batch(TEXTS))


@pytest.mark.parametrize(
    ("raws", "message"),
    [
        ("one text", "a list of texts is wanted; got one text"),
        ([], "at least one example is wanted; got none"),
        (["a", b"b"], "example 1 must be a text; got bytes"),
        ([None], "example 0 must be a text; got NoneType"),
    ],
)
def test_what_is_no_text_is_refused(raws: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        text().batch(raws)


def test_sequences_of_different_lengths_get_a_mask() -> None:
    batch = FeaturePreprocessor(2, None, "steps").batch([np.ones((3, 2)), [[1, 2]]])
    assert batch["values"].shape == (2, 3, 2)
    assert batch["values"].dtype == np.float32
    assert batch["mask"].tolist() == [[True] * 3, [True, False, False]]
    np.testing.assert_array_equal(batch["values"][1], [[1, 2], [0, 0], [0, 0]])


def test_numbers_without_a_size_are_steps_of_one_number() -> None:
    batch = FeaturePreprocessor(1, 3, "steps").batch([[1, 2, 3], np.array([4, 5, 6], np.uint8)])
    np.testing.assert_array_equal(batch[..., 0], [[1, 2, 3], [4, 5, 6]])


def test_layouts_of_an_image() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 3, 2)
    [pixels] = FeaturePreprocessor(2, 6, "pixels").batch([image])
    np.testing.assert_array_equal(pixels, image.reshape(6, 2))
    [rows] = FeaturePreprocessor(6, 2, "rows").batch([image])
    np.testing.assert_array_equal(rows, image.reshape(2, 6))
    order = [5, 0, 3, 1, 2, 4]
    [permuted] = FeaturePreprocessor(2, 6, "pixels", order).batch([image])
    np.testing.assert_array_equal(permuted, image.reshape(6, 2)[order])
    [plain] = FeaturePreprocessor(1, 4, "pixels").batch([[[1, 2], [3, 4]]])
    np.testing.assert_array_equal(plain[:, 0], [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("given", "kept"),
    [("uint8", "uint8"), ("int16", "int16"), ("int64", "int32"), ("float64", "float32"), ("bool", "float32")],
)
def test_numbers_are_kept_in_a_compact_type(given: str, kept: str) -> None:
    [steps] = FeaturePreprocessor(1, None, "steps").steps([np.ones(3, given)])
    assert steps.dtype == kept


def test_large_integers_do_not_wrap_around() -> None:
    large = np.array([2**40, -(2**40)])
    [steps] = FeaturePreprocessor(1, None, "steps").steps([large])
    np.testing.assert_array_equal(steps[:, 0], large.astype(np.float32))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.full((3, 2), np.nan), "must be finite in float32"),
        (np.full((3, 2), 1e300), "must be finite in float32"),
        (np.ones((3, 3)), r"must have steps of shape \(time, 2\), time at least 1; got \(3, 3\)"),
        (np.ones((0, 2)), r".*time at least 1; got \(0, 2\)"),
        (np.ones((1, 3, 2)), r"must have shape \(time,\) or \(time, size\); got \(1, 3, 2\)"),
        (np.ones((3, 2), complex), "must hold numbers; got dtype complex128"),
        (["a", "b"], "must hold numbers"),
        ([[1, 2], [3]], "must be an array of numbers"),
        (3.0, "must have shape"),
    ],
)
def test_unusable_arrays_are_refused_by_their_index(raw: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"example 1 {message}"):
        FeaturePreprocessor(2, None, "steps").batch([np.ones((1, 2)), raw])


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match=r"steps of shape \(64, 1\)"):
        FeaturePreprocessor(1, 64, "pixels").batch([np.ones((28, 28))])


def test_grey_levels_are_of_red_green_and_blue() -> None:
    grey = FeaturePreprocessor(1, 4, "pixels", grey=True)
    with pytest.raises(UsageError, match=r"example 0 must have shape \(height, width, 3\); got \(2, 2\)"):
        grey.batch([np.ones((2, 2))])
    with pytest.raises(UsageError, match="grey is for images; got layout='steps'"):
        FeaturePreprocessor(1, 4, "steps", grey=True)
    [levels] = grey.batch([np.array([[[1.0, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 1]]])])
    assert levels[:, 0] == pytest.approx([0.299, 0.587, 0.114, 1.0])
    assert grey.steps([np.full((2, 2, 3), 255, np.uint8)])[0].tolist() == [[255]] * 4


@pytest.mark.parametrize("grey", [False, True])
def test_a_restored_feature_preprocessor_gives_the_same(grey: bool) -> None:
    preprocessor = FeaturePreprocessor(1, 4, "pixels", np.array([3, 1, 0, 2]), grey)
    restored = again(preprocessor)
    assert restored.spec == preprocessor.spec == Features(1, 4)
    image = np.arange(12).reshape(2, 2, 3)[..., : 3 if grey else 1]
    np.testing.assert_array_equal(restored.batch([image]), preprocessor.batch([image]))


def test_numbers_become_symbols_above_padding() -> None:
    preprocessor = SymbolPreprocessor(10, None)
    batch = preprocessor.batch([[0, 9, 4], np.array([3.0]), np.array([9, 9], np.uint8)])
    assert batch.tolist() == [[1, 10, 5], [4, 0, 0], [10, 10, 0]]
    assert batch.dtype == np.int32
    assert again(preprocessor).spec == preprocessor.spec == Tokens(11)
    assert SymbolPreprocessor(300, 2).batch([[299, 255]]).tolist() == [[300, 256]]
    assert again(SymbolPreprocessor(300, 2)).spec == Tokens(301, 2)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([1, 10], "must hold whole numbers in 0 … 9; got 10 at step 1"),
        ([1.5, 1], r"must hold whole numbers in 0 … 9; got 1\.5 at step 0"),
        ([-1, 1], "got -1 at step 0"),
        ([np.nan, 1], "got nan at step 0"),
        ([1], r"must have shape \(2,\), time at least 1; got \(1,\)"),
        ([[1, 2]], r"must have shape \(2,\), time at least 1; got \(1, 2\)"),
        (["a", "b"], "must hold whole numbers; got dtype <U1"),
        ([1, [2]], "must be an array of whole numbers"),
    ],
)
def test_what_is_no_symbol_is_refused_by_its_index(raw: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"example 1 {message}" if message.startswith("must") else message):
        SymbolPreprocessor(10, 2).batch([[0, 9], raw])


def test_pairs_keep_both_vocabularies() -> None:
    preprocessor = PairPreprocessor(text(), TOKENISERS["whitespace"].fit(["EIN ZWEI", "ZWEI"], 300))
    assert (preprocessor.start, preprocessor.end) == (4, 5)
    output = preprocessor.output(longest=3)
    assert output == Translation(6, start=4, end=5, longest=3)
    restored = again(preprocessor)
    np.testing.assert_array_equal(restored.batch(TEXTS), text().batch(TEXTS))
    for kept in (preprocessor, restored):
        targets = kept.targets(["ZWEI EIN", "", "DREI"])
        assert [row.tolist() for row in targets] == [[2, 3, 5], [5], [UNKNOWN, 5]]
        assert {row.dtype.name for row in targets} == {"int32"}
    with pytest.raises(UsageError, match="the target of example 1 must be a text; got NoneType"):
        preprocessor.targets(["EIN", None])


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(UsageError, match="layout must be one of"):
        FeaturePreprocessor(1, 4, "columns")
    with pytest.raises(UsageError, match="truncate must be one of"):
        text(truncate="middle")
