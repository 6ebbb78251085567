"""Tokenisers: there and back, unknown and odd text, JSON, the same in every process."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from keraseq.tasks.tokenise import FIRST, PADDING, TOKENISERS, UNKNOWN, Tokeniser, from_json, to_json

TEXTS = [
    "The cat sat on the mat.",
    "A dog, a cat; no bird!",
    "ünïcödé ☃ 𝄞 text\n\ttabs",
    "the cat's 2nd film was <br />bad",
]
ODD = ["", " ", "\n\t", "\x00\x07", "[PAD] [UNK] <s>", "\ud800 lone", "e\u0301", "🏳️‍🌈", "שלום", "a" * 5000]


def fitted(kind: str, size: int = 400) -> Tokeniser:
    return TOKENISERS[kind].fit(TEXTS, size)


@pytest.mark.parametrize("kind", ["bytes", "characters", "subwords"])
def test_text_comes_back_exactly(kind: str) -> None:
    tokeniser = fitted(kind)
    assert [tokeniser.decode(symbols) for symbols in tokeniser.encode(TEXTS)] == TEXTS


def test_words_come_back_as_words() -> None:
    tokeniser = fitted("words")
    [symbols] = tokeniser.encode(["The CAT sat, on a mat."])
    assert tokeniser.decode(symbols) == "the cat sat , on a mat ."
    np.testing.assert_array_equal(tokeniser.encode([tokeniser.decode(symbols)])[0], symbols)


def test_signs_between_white_space_come_back_as_they_stand() -> None:
    tokeniser = TOKENISERS["whitespace"].fit(["I_TURN_LEFT I_walk  i_walk\n", "end."], 10)
    assert tokeniser.size == FIRST + 4
    [symbols] = tokeniser.encode(["I_walk\tI_TURN_LEFT end. End. "])
    assert tokeniser.decode(symbols) == "I_walk I_TURN_LEFT end. \ufffd"
    assert tokeniser.encode([" \n"])[0].shape == (0,)


@pytest.mark.parametrize("kind", ["bytes", "subwords"])
def test_odd_text_comes_back_where_nothing_is_unknown(kind: str) -> None:
    tokeniser = fitted(kind)
    decoded = [tokeniser.decode(symbols) for symbols in tokeniser.encode(ODD)]
    assert decoded == [text.replace("\ud800", "?") for text in ODD]


@pytest.mark.parametrize("kind", TOKENISERS)
def test_symbols_are_in_range_and_never_padding(kind: str) -> None:
    tokeniser = fitted(kind)
    for symbols in tokeniser.encode(TEXTS + ODD):
        assert symbols.dtype == np.int32
        assert ((symbols > PADDING) & (symbols < tokeniser.size)).all()
    assert all((symbols >= FIRST).all() for symbols in tokeniser.encode(TEXTS))


@pytest.mark.parametrize("kind", ["characters", "words", "whitespace"])
def test_what_train_lacks_is_unknown(kind: str) -> None:
    tokeniser = fitted(kind)
    [symbols] = tokeniser.encode(["Ж"])
    assert symbols.tolist() == [UNKNOWN]
    assert tokeniser.decode(symbols) == "\ufffd"


@pytest.mark.parametrize("kind", TOKENISERS)
def test_padding_is_not_decoded(kind: str) -> None:
    tokeniser = fitted(kind)
    [symbols] = tokeniser.encode(["the cat"])
    assert tokeniser.decode(np.append(symbols, [PADDING, PADDING])) == "the cat"


@pytest.mark.parametrize(("kind", "size"), [("characters", 10), ("words", 6), ("whitespace", 6), ("subwords", 300)])
def test_the_vocabulary_is_no_larger_than_asked(kind: str, size: int) -> None:
    tokeniser = fitted(kind, size)
    assert tokeniser.size == size
    assert tokeniser.size > max(symbols.max() for symbols in tokeniser.encode(TEXTS))


@pytest.mark.parametrize("kind", ["words", "whitespace"])
def test_the_commonest_words_are_kept(kind: str) -> None:
    tokeniser = TOKENISERS[kind].fit(["b b b a a c", "d"], 4)
    assert [tokeniser.decode(symbols) for symbols in tokeniser.encode(["a b c d"])] == ["a b \ufffd \ufffd"]


@pytest.mark.parametrize("kind", TOKENISERS)
def test_json_round_trip(kind: str) -> None:
    tokeniser = fitted(kind)
    again = from_json(json.loads(json.dumps(to_json(tokeniser))))
    assert again.size == tokeniser.size
    for a, b in zip(again.encode(TEXTS + ODD), tokeniser.encode(TEXTS + ODD), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_process_learns_the_same() -> None:
    words = np.random.default_rng(0).integers(97, 105, (400, 6))
    texts = [" ".join("".join(map(chr, word[:length])) for word in words) for length in (2, 3, 4)]
    code = f"""
import json, hashlib
from keraseq.tasks.tokenise import TOKENISERS, to_json
for kind in TOKENISERS:
    text = json.dumps(to_json(TOKENISERS[kind].fit({texts!r}, 300)), sort_keys=True)
    print(hashlib.sha256(text.encode()).hexdigest())
"""
    here = [
        hashlib.sha256(json.dumps(to_json(cls.fit(texts, 300)), sort_keys=True).encode()).hexdigest()
        for cls in TOKENISERS.values()
    ]
    for seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert there.stdout.split() == here
