"""Figures as SVG inside a page: text stays text, colours follow the page, and names are told to who cannot see."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from keraseq.benchmarking.report.content import Chart, Drawn, Figure, Levels, Ranks, Series
from keraseq.pictures import figure_class

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

# Stand-ins for colours of the page, which knows of light, dark and print.
INK, GRID, CARD = "#010101", "#010102", "#010103"
COLOURS = 10
_STAND_INS = {INK: "currentColor", GRID: "var(--grid)", CARD: "var(--card)"} | {
    f"#0102{k:02x}": f"var(--series-{k})" for k in range(COLOURS)
}
MARKERS = "osD^vPX*<>pdh8"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
WIDTH, HEIGHT = 4.9, 2.9  # inches; a phone shows them at nearly that size
WORDS = 28  # letters beside an axis
STYLE = {
    "svg.fonttype": "none",  # letters, not shapes: they can be read, searched and copied
    "svg.hashsalt": "keraseq",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,  # names may hold a $
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "axes.formatter.limits": (-3, 5),
    "axes.unicode_minus": True,
}
_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def styles(names: Sequence[str]) -> dict[str, int]:
    """Name → which colour, marker and line it has in all figures of a report."""
    return {name: place for place, name in enumerate(sorted(set(names)))}


def draw(figure: Figure, places: Mapping[str, int], key: str) -> str:
    """A figure as an SVG element.

    Args:
        figure: what to draw.
        places: from `styles`.
        key: begins all ids in it, which are then its own on a page with others.

    Raises:
        KeraseqError: Matplotlib is absent.
    """
    figure_class()  # or says what to install
    from matplotlib import rc_context

    if isinstance(figure, Drawn):
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "keraseq"}):
            return _embedded(figure.draw(), figure, key)
    drawers: Mapping[type, Callable[..., Picture]] = {Chart: _chart, Levels: _levels, Ranks: _ranks}
    with rc_context(STYLE):
        return _embedded(drawers[type(figure)](figure, places), figure, key)


def _chart(chart: Chart, places: Mapping[str, int]) -> Picture:
    columns = _columns([one.name for one in chart.series])
    picture, axes = _canvas(HEIGHT + 0.19 * math.ceil(len(chart.series) / columns))
    handles: list[Any] = []
    for one in chart.series:
        look = _look(one, places)
        steps = {"drawstyle": "steps-post"} if one.line == "steps" else {}
        few = len(one.x) <= 40
        every = None if few else max(1, len(one.x) // 12)
        line = "none" if one.line == "none" else look["linestyle"]
        shown = {**look, "linestyle": line, "markevery": every, **steps}
        if one.low:
            handles.append(axes.errorbar(one.x, one.y, yerr=_arms(one), capsize=3, elinewidth=1.1, **shown))
        else:
            handles += axes.plot(one.x, one.y, **shown)
    _scales(axes, chart)
    axes.set(xlabel=chart.x, ylabel=textwrap.fill(chart.y, WORDS))
    axes.grid(True)
    names = [one.name for one in chart.series]  # with their handles, since Matplotlib skips some names
    picture.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=2.6, columnspacing=1.2)
    return picture


def _levels(levels: Levels, places: Mapping[str, int]) -> Picture:
    count = len(levels.series)
    picture, axes = _canvas(height=0.75 + 0.3 * count)
    for place, one in enumerate(levels.series):
        look = {**_look(one, places), "linestyle": "none"}
        axes.errorbar(one.y, [place], xerr=_arms(one) if one.low else None, capsize=3.5, elinewidth=1.4, **look)
    axes.set_yticks(range(count), [one.name for one in levels.series])
    axes.set_ylim(count - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")
    axes.set_xlabel(levels.x)
    if levels.log_x:
        axes.set_xscale("log")
        _plain(axes.xaxis)
    if levels.guide is not None:
        value, name = levels.guide
        axes.axvline(value, color=INK, linewidth=1, linestyle=(0, (1, 2)))
        axes.annotate(name, (value, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8)
    return picture


def _ranks(ranks: Ranks, places: Mapping[str, int]) -> Picture:
    """Names at their ranks, a line a name, and thick bars under those that are not told apart."""
    names = list(ranks.ranks)
    picture, axes = _canvas(height=0.8 + 0.3 * len(names) + 0.14 * len(ranks.groups))
    for place, name in enumerate(names):
        look = _look(Series(name, (), (), style=name), places)
        axes.plot([ranks.ranks[name]], [place], **{**look, "linestyle": "none"})
    under = [group for group in ranks.groups if len(group) > 1]
    for place, group in enumerate(under):
        level = len(names) - 0.3 + 0.45 * place
        axes.plot([ranks.ranks[group[0]], ranks.ranks[group[-1]]], [level, level], color=INK, linewidth=4)
    axes.set_yticks(range(len(names)), [f"{name}  {ranks.ranks[name]:.2f}" for name in names])
    axes.set_ylim(len(names) - 0.4 + 0.45 * len(under), -0.6)
    axes.set_xlim(0.8, len(names) + 0.2)
    axes.set_xticks(range(1, len(names) + 1))
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")
    axes.set_xlabel("average rank, 1 is best")
    return picture


def _arms(one: Series) -> list[list[float]]:
    """How far an interval reaches below and above; never less than not at all, as rounding may have it."""
    below = [max(0.0, y - end) for y, end in zip(one.y, one.low, strict=True)]
    return [below, [max(0.0, end - y) for y, end in zip(one.y, one.high, strict=True)]]


def _canvas(height: float) -> tuple[Picture, Axes]:
    picture = figure_class()(figsize=(WIDTH, height), layout="constrained")
    return picture, picture.subplots()


def _look(series: Series, places: Mapping[str, int]) -> dict[str, Any]:
    """Colour, marker and line of a series; one without a style is the reader's guide, and has no colour."""
    if series.style not in places:
        return {"color": INK, "marker": "", "linestyle": (0, (1.5, 1.5)), "linewidth": 1.3, "zorder": 1.5}
    place = places[series.style]
    return {
        "color": f"#0102{place % COLOURS:02x}",
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 5.5 if series.line != "none" else 7,
        "linestyle": DASHES[place % len(DASHES)],
        "markerfacecolor": CARD if place // COLOURS % 2 else f"#0102{place % COLOURS:02x}",
    }


def _scales(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import MaxNLocator

    if chart.log_x:
        axes.set_xscale("log")
        _plain(axes.xaxis)
    elif all(isinstance(x, int) for one in chart.series for x in one.x):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    if chart.log_y:
        axes.set_yscale("log")
        _plain(axes.yaxis)
    if chart.guide is not None:
        value, name = chart.guide
        axes.axhline(value, color=INK, linewidth=1, linestyle=(0, (1, 2)), zorder=1.4)
        axes.annotate(name, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)


def _plain(axis: Any) -> None:
    """Labels of a logarithmic axis as text, since powers would need Matplotlib's own typesetting."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 30 * low else (1.0,), numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if 1e-3 <= value < 1e5 else f"{value:.0e}"))
    axis.set_minor_formatter(NullFormatter())


def _columns(names: Sequence[str]) -> int:
    """How many names fit beside each other, at about 5.2 points a letter and 40 for the rest."""
    return max(1, min(len(names), int(72 * WIDTH / (5.2 * max(map(len, names), default=1) + 40))))


def _embedded(picture: Picture, figure: Figure, key: str) -> str:
    """The SVG of a picture without what only files need, with a name, ids of its own, and colours of the page."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    picture.savefig(buffer, format="svg", metadata=nothing, transparent=not isinstance(figure, Drawn))
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    legal = re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", b"", buffer.getvalue())  # names may hold what XML must not
    root = ElementTree.fromstring(legal)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}metadata":
                parent.remove(child)
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            element.set(name, _own(name, value, key))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title")
    root.set("aria-describedby", f"{key}-desc")
    for place, (tag, text) in enumerate((("title", figure.title), ("desc", figure.description))):
        told = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{key}-{tag}"})
        told.text = text
        root.insert(place, told)
    return ElementTree.tostring(root, encoding="unicode")


def _own(name: str, value: str, key: str) -> str:
    if name == "id":
        return f"{key}-{value}"
    if name.endswith("href") and value.startswith("#"):
        return f"#{key}-{value[1:]}"
    value = re.sub(r"url\(#", f"url(#{key}-", value).replace("'DejaVu Sans'", "system-ui")
    return re.sub(r"#010[12]\w\w", lambda found: _STAND_INS.get(found[0], found[0]), value)
