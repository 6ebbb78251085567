"""Scores of whole answers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from typing import Any

from keraseq.config import check
from keraseq.errors import KeraseqError

LIBRARIES = {"bleu": ("sacrebleu", "tasks"), "span_f1": ("seqeval", "spans")}
"""Score → the package that has it, and the extra that brings that."""


def require(names: Iterable[str]) -> None:
    """Raises `KeraseqError` where the package of one of these scores is not installed."""
    for name in LIBRARIES.keys() & set(names):
        library, extra = LIBRARIES[name]
        if importlib.util.find_spec(library) is None:
            # seqeval comes as source alone, which pip below 25.3 may build by setuptools' old interface, and fail
            raise KeraseqError(
                f"score {name} needs the package {library}, which is not installed. "
                f"Remedy: pip install --use-pep517 'keraseq[{extra}]'"
            )


def exact_match(found: Sequence[Any], wanted: Sequence[Any]) -> float:
    """The share of answers that are right from beginning to end, in [0, 1].

    Args:
        found: answers.
        wanted: the right ones, in the same order.

    Example:
        >>> exact_match(["I_WALK I_RUN", "I_JUMP"], ["I_WALK I_RUN", "I_JUMP I_JUMP"])
        0.5
    """
    _check_pairs(found, wanted)
    return sum(a == b for a, b in zip(found, wanted, strict=True)) / len(wanted)


def bleu(found: Sequence[str], wanted: Sequence[str]) -> float:
    """BLEU of a whole set of texts, in [0, 100], as `sacrebleu` has it by default: cased, tokenised as in WMT.

    Args:
        found: translations.
        wanted: one reference each, in the same order.

    Raises:
        KeraseqError: sacrebleu is not installed.

    Reference: Papineni et al. 2002, doi:10.3115/1073083.1073135; Post 2018, arXiv:1804.08771.
    """
    require(["bleu"])
    from sacrebleu import corpus_bleu

    _check_pairs(found, wanted)
    return float(corpus_bleu(list(found), [list(wanted)]).score)


def span_f1(found: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> float:
    """F1 of the spans of a whole set of sequences, in [0, 1], as `seqeval` has it by default, which is `conlleval`.

        F1 = 2 right / (spans found + spans wanted)

    A span is right where its kind, its first and its last step are. `B-X` begins a span of kind X, `I-X` goes on with
    it or, where none of that kind is before it, begins one, and `O` is outside of all. Without any span F1 is 0.

    Args:
        found: labels of the steps of each sequence.
        wanted: the right ones, of the same lengths, in the same order.

    Raises:
        KeraseqError: seqeval is not installed.

    Example:
        >>> span_f1([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "O", "B-ORG"]])  # doctest: +SKIP
        0.5

    Reference: Tjong Kim Sang & De Meulder 2003, https://aclanthology.org/W03-0419.
    """
    require(["span_f1"])
    from seqeval.metrics import f1_score

    _check_pairs(found, wanted)
    return float(f1_score([list(row) for row in wanted], [list(row) for row in found], zero_division=0))


def _check_pairs(found: Sequence[Any], wanted: Sequence[Any]) -> None:
    check(len(found) == len(wanted) > 0, f"as many answers as right ones are wanted; got {len(found)}, {len(wanted)}")
