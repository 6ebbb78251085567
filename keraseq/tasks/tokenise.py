"""Tokenisers: text to symbols and back. Symbol 0 is padding, 1 is unknown."""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

PADDING, UNKNOWN, FIRST = 0, 1, 2
REPLACEMENT = "\ufffd"  # what an unknown symbol reads as
_OTHER = " "  # stands for unknown words in the vocabulary of words: no word is a space
_CHUNK = 1000  # texts handled at once


class Tokeniser(ABC):
    """Cuts texts into symbols.

    Attributes:
        kind: name of the tokeniser.
        size: number of symbols, padding and unknown included.
    """

    kind: ClassVar[str]
    size: int

    @classmethod
    @abstractmethod
    def fit(cls, texts: Iterable[str], vocabulary_size: int) -> Tokeniser:
        """The tokeniser with at most `vocabulary_size` symbols, learned from `texts`."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The symbols of each text, int32; nothing for a text without any."""

    @abstractmethod
    def decode(self, symbols: np.ndarray) -> str:
        """The text that symbols stand for; padding is left out."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was learned, as plain data: the arguments of the class."""


class Bytes(Tokeniser):
    """One step for each byte of the text in UTF-8: 256 symbols, nothing is unknown."""

    kind = "bytes"
    size = FIRST + 256

    @classmethod
    def fit(cls, texts: Iterable[str], vocabulary_size: int) -> Bytes:
        return cls()

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [np.frombuffer(_utf8(text), np.uint8).astype(np.int32) + FIRST for text in texts]

    def decode(self, symbols: np.ndarray) -> str:
        symbols = np.asarray(symbols)
        known = b"".join(
            REPLACEMENT.encode() if symbol == UNKNOWN else bytes([symbol - FIRST])
            for symbol in symbols[symbols != PADDING].tolist()
        )
        return known.decode("utf-8", "replace")

    def state(self) -> dict[str, Any]:
        return {}


class Characters(Tokeniser):
    """One step for each Unicode character, as it stands; the rare ones are unknown.

    Args:
        characters: the known characters, in the order of their symbols.
    """

    kind = "characters"

    def __init__(self, characters: str):
        self.characters = characters
        self.size = FIRST + len(characters)
        self._codes = _code_points(characters)
        self._symbols = np.full(0x110000, UNKNOWN, np.int32)
        self._symbols[self._codes] = np.arange(FIRST, self.size)

    @classmethod
    def fit(cls, texts: Iterable[str], vocabulary_size: int) -> Characters:
        counts = np.zeros(0x110000, np.int64)
        for chunk in chunks(texts):
            counts += np.bincount(_code_points("".join(chunk)), minlength=0x110000)
        order = np.argsort(-counts, kind="stable")[: vocabulary_size - FIRST]
        return cls("".join(map(chr, order[counts[order] > 0])))

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [self._symbols[_code_points(text)] for text in texts]

    def decode(self, symbols: np.ndarray) -> str:
        symbols = np.asarray(symbols)
        return "".join(
            REPLACEMENT if symbol == UNKNOWN else self.characters[symbol - FIRST]
            for symbol in symbols[symbols != PADDING].tolist()
        )

    def state(self) -> dict[str, Any]:
        return {"characters": self.characters}


class Whitespace(Tokeniser):
    """One step for each run of signs between white space, as it stands; the rare ones are unknown.

    Decoding joins them by single spaces.

    Args:
        words: the known ones, in the order of their symbols.
    """

    kind = "whitespace"

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        self.size = FIRST + len(self.words)
        self._symbols = {word: symbol for symbol, word in enumerate(self.words, FIRST)}

    @classmethod
    def fit(cls, texts: Iterable[str], vocabulary_size: int) -> Whitespace:
        counts = Counter(word for chunk in _clean_chunks(texts) for text in chunk for word in text.split())
        return cls([word for word, _ in counts.most_common(vocabulary_size - FIRST)])

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [
            np.array([self._symbols.get(word, UNKNOWN) for word in text.split()], np.int32)
            for chunk in _clean_chunks(texts)
            for text in chunk
        ]

    def decode(self, symbols: np.ndarray) -> str:
        symbols = np.asarray(symbols)
        return " ".join(
            REPLACEMENT if symbol == UNKNOWN else self.words[symbol - FIRST]
            for symbol in symbols[symbols != PADDING].tolist()
        )

    def state(self) -> dict[str, Any]:
        return {"words": self.words}


class Words(Tokeniser):
    """One step for each run of letters and digits, or of other signs, in lower case; the rare ones are unknown.

    Decoding joins them by spaces, so it gives the words back, not the text.

    Args:
        model: word-level model of the `tokenizers` library, as plain data; its index 0 is the unknown word.
    """

    kind = "words"
    _shift = UNKNOWN

    def __init__(self, model: dict[str, Any]):
        self.model = model
        self._tokeniser = _load(model)
        self.size = self._shift + self._tokeniser.get_vocab_size()

    @classmethod
    def fit(cls, texts: Iterable[str], vocabulary_size: int) -> Words:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

        def blank(model: Any) -> Any:
            tokeniser = Tokenizer(model)
            tokeniser.normalizer = normalizers.Lowercase()
            tokeniser.pre_tokenizer = pre_tokenizers.Whitespace()
            return tokeniser

        learner = blank(models.WordLevel())
        trainer = trainers.WordLevelTrainer(vocab_size=vocabulary_size - FIRST, show_progress=False, special_tokens=[])
        learner.train_from_iterator(_clean_chunks(texts), trainer)
        vocabulary = {_OTHER: 0} | {word: index + 1 for word, index in learner.get_vocab().items()}
        return cls(json.loads(blank(models.WordLevel(vocabulary, unk_token=_OTHER)).to_str()))

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return _encode(self._tokeniser, texts, self._shift)

    def decode(self, symbols: np.ndarray) -> str:
        symbols = np.asarray(symbols)
        return " ".join(
            REPLACEMENT if symbol == UNKNOWN else self._tokeniser.id_to_token(symbol - self._shift)
            for symbol in symbols[symbols != PADDING].tolist()
        )

    def state(self) -> dict[str, Any]:
        return {"model": self.model}


class Subwords(Tokeniser):
    """One step for each piece of a word, by byte pair encoding over UTF-8 (Sennrich et al. 2016, arXiv:1508.07909).

    All 256 bytes are pieces, so nothing is unknown and decoding gives the text back.

    Args:
        model: byte-pair model of the `tokenizers` library, as plain data.
    """

    kind = "subwords"
    _shift = FIRST

    def __init__(self, model: dict[str, Any]):
        self.model = model
        self._tokeniser = _load(model)
        self.size = self._shift + self._tokeniser.get_vocab_size()

    @classmethod
    def fit(cls, texts: Iterable[str], vocabulary_size: int) -> Subwords:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        learner = Tokenizer(models.BPE())
        learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        learner.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size - FIRST,
            show_progress=False,
            special_tokens=[],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )
        learner.train_from_iterator(_clean_chunks(texts), trainer)
        return cls(json.loads(learner.to_str()))

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return _encode(self._tokeniser, texts, self._shift)

    def decode(self, symbols: np.ndarray) -> str:
        symbols = np.asarray(symbols)
        parts = np.split(symbols, np.flatnonzero(symbols == UNKNOWN))
        texts = (self._tokeniser.decode((part[part >= FIRST] - self._shift).tolist()) for part in parts)
        return REPLACEMENT.join(texts)

    def state(self) -> dict[str, Any]:
        return {"model": self.model}


TOKENISERS: dict[str, type[Tokeniser]] = {kind.kind: kind for kind in (Bytes, Characters, Whitespace, Words, Subwords)}


def to_json(tokeniser: Tokeniser) -> dict[str, Any]:
    """The tokeniser as plain data."""
    return {"kind": tokeniser.kind, **tokeniser.state()}


def from_json(data: dict[str, Any]) -> Tokeniser:
    """The tokeniser that `to_json` wrote."""
    state = dict(data)
    return TOKENISERS[state.pop("kind")](**state)


def _load(model: dict[str, Any]) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_str(json.dumps(model))


def _encode(tokeniser: Any, texts: Sequence[str], shift: int) -> list[np.ndarray]:
    return [
        np.array(encoding.ids, np.int32) + shift
        for chunk in _clean_chunks(texts)
        for encoding in tokeniser.encode_batch_fast(chunk, add_special_tokens=False)
    ]


def chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in lists, so that not all need be in memory."""
    texts = iter(texts)
    while chunk := list(itertools.islice(texts, _CHUNK)):
        yield chunk


def _clean_chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    return ([_utf8(text).decode() for text in chunk] for chunk in chunks(texts))


def _utf8(text: str) -> bytes:
    """The text in UTF-8; lone surrogates, which UTF-8 cannot hold, become question marks."""
    return text.encode("utf-8", "replace")


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(_utf8(text).decode().encode("utf-32-le"), np.uint32)
