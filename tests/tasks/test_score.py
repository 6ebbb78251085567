"""Scores of whole answers."""

import sys

import pytest

from keraseq.errors import KeraseqError, UsageError
from keraseq.tasks import score


@pytest.mark.parametrize(
    ("found", "wanted", "f1"),
    [
        ("B-PER I-PER O", "B-PER I-PER O", 1),
        ("B-PER O O", "B-PER I-PER O", 0),  # ends too early
        ("B-LOC I-LOC O", "B-PER I-PER O", 0),  # of another kind
        ("B-PER B-PER O", "B-PER I-PER O", 0),  # two in place of one
        ("B-PER I-PER O B-LOC", "B-PER I-PER B-LOC O", 2 * 1 / (2 + 2)),
        ("O O O", "B-PER O B-LOC", 0),
        ("B-PER O O", "B-PER O B-LOC", 2 * 1 / (1 + 2)),
        ("I-PER I-PER O", "B-PER I-PER O", 1),  # what goes on with nothing begins
        ("B-PER I-LOC O", "B-PER B-LOC O", 1),
        ("O O", "O O", 0),
    ],
)
def test_spans_counted_by_hand(found: str, wanted: str, f1: float) -> None:
    pytest.importorskip("seqeval", reason="seqeval is not installed: pip install --use-pep517 'keraseq[spans]'")
    assert score.span_f1([found.split()], [wanted.split()]) == pytest.approx(f1)


def test_spans_are_counted_over_all_sequences() -> None:
    pytest.importorskip("seqeval", reason="seqeval is not installed: pip install --use-pep517 'keraseq[spans]'")
    found, wanted = [["B-PER", "O"], ["B-PER", "B-LOC"]], [["B-PER", "O"], ["O", "B-ORG"]]
    assert score.span_f1(found, wanted) == pytest.approx(2 * 1 / (3 + 2))
    with pytest.raises(UsageError, match="as many answers as right ones are wanted; got 1, 2"):
        score.span_f1(found[:1], wanted)


@pytest.mark.parametrize("name", score.LIBRARIES)
def test_the_extra_of_a_package_that_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library, extra = score.LIBRARIES[name]
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(KeraseqError, match=rf"score {name} needs the package {library}.*'keraseq\[{extra}\]'"):
        getattr(score, name)(["a"], ["a"])
    score.require(["exact_match"])
