"""Figures and the files that they are written to; they need Matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keraseq.errors import KeraseqError
from keraseq.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure_class() -> type[Figure]:
    """Matplotlib's `Figure`, which belongs to no window.

    Raises:
        KeraseqError: Matplotlib is absent.
    """
    try:
        import matplotlib as matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise KeraseqError("pictures need Matplotlib: pip install 'keraseq[plot]'") from error
    return Figure


def save(figure: Figure, path: Path) -> None:
    """Writes the picture, in the format that the name of the file says, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".") or "png", dpi=120)
