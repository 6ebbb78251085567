"""The errors that keraseq raises on purpose: each says what it got, what it wanted and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KeraseqError(Exception):
    """Something went wrong that the user can act on. The command line prints it and exits with 1."""


class UsageError(KeraseqError, ValueError):
    """The call itself is wrong: an unknown name, a value out of range. The command line exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that nothing answers to: the nearest known names, or else all of them.

    >>> unknown("model", "tnc", ["tcn", "lstm"])
    "no model named 'tnc'; did you mean 'tcn'?"
    """
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=3)
    if near:
        return f"no {kind} named {name!r}; did you mean {' or '.join(map(repr, near))}?"
    return f"no {kind} named {name!r}; known: {', '.join(known) or 'none'}"
