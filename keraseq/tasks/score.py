"""Scores of whole answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keraseq.config import check
from keraseq.errors import KeraseqError


def exact_match(found: Sequence[Any], wanted: Sequence[Any]) -> float:
    """The share of answers that are right from beginning to end, in [0, 1].

    Args:
        found: answers.
        wanted: the right ones, in the same order.

    Example:
        >>> exact_match(["I_WALK I_RUN", "I_JUMP"], ["I_WALK I_RUN", "I_JUMP I_JUMP"])
        0.5
    """
    check(len(found) == len(wanted) > 0, f"as many answers as right ones are wanted; got {len(found)}, {len(wanted)}")
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
    try:
        from sacrebleu import corpus_bleu
    except ImportError as error:
        raise KeraseqError(
            "BLEU needs sacrebleu, which is not installed. Remedy: pip install 'keraseq[tasks]'"
        ) from error
    check(len(found) == len(wanted) > 0, f"as many answers as right ones are wanted; got {len(found)}, {len(wanted)}")
    return float(corpus_bleu(list(found), [list(wanted)]).score)
