"""What a report is made of: plain data, which the writers of HTML, Markdown and CSV turn into text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes:
        columns: names; one that begins with `#` holds numbers, which stand to the right.
        rows: of cells, as many as columns.
        caption: what it shows.
        code: columns whose cells are commands or settings.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    code: tuple[str, ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """The names without their signs."""
        return tuple(name.removeprefix("#") for name in self.columns)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of each column: `number`, `code` or `text`."""
        return tuple(
            "number" if name.startswith("#") else "code" if name in self.code else "text" for name in self.columns
        )


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Attributes:
        name: in the legend.
        x, y: numbers; x may be names, of categories.
        low, high: ends of intervals of y, or empty.
        style: name that colour, marker and line follow; the series of a family have its name.
        line: `none`, `straight` or `steps`.
    """

    name: str
    x: tuple[Any, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    style: str = ""
    line: str = "straight"


@dataclass(frozen=True)
class Chart:
    """Series over two axes.

    Attributes:
        title, description: for people who see it, and for those who do not.
        x, y: names of the axes.
        series: what is drawn.
        log_x, log_y: whether an axis is logarithmic.
        guide: a level that is drawn across, and its name; such as chance.
    """

    title: str
    description: str
    x: str
    y: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    guide: tuple[float, str] | None = None

    @property
    def table(self) -> Table:
        """The numbers behind it."""
        spread = any(one.low for one in self.series)
        rows = [
            (one.name, number(x), number(y), *([interval(one, k)] if spread else []))
            for one in self.series
            for k, (x, y) in enumerate(zip(one.x, one.y, strict=True))
        ]
        return Table(("series", f"#{self.x}", f"#{self.y}", *(["#95 % interval"] if spread else [])), tuple(rows))


@dataclass(frozen=True)
class Levels:
    """A level a name, with its interval where it has one: dots in rows."""

    title: str
    description: str
    x: str
    series: tuple[Series, ...]
    guide: tuple[float, str] | None = None
    log_x: bool = False

    @property
    def table(self) -> Table:
        """The numbers behind it."""
        spread = any(one.low for one in self.series)
        rows = [(one.name, number(one.y[0]), *([interval(one, 0)] if spread else [])) for one in self.series]
        return Table(("name", f"#{self.x}", *(["#95 % interval"] if spread else [])), tuple(rows))


@dataclass(frozen=True)
class Ranks:
    """Average ranks, and bars over those that are not told apart."""

    title: str
    description: str
    ranks: Mapping[str, float]
    groups: tuple[tuple[str, ...], ...]
    critical: float

    @property
    def table(self) -> Table:
        """The numbers behind it."""
        return Table(("model", "#average rank"), tuple((name, f"{rank:.2f}") for name, rank in self.ranks.items()))


@dataclass(frozen=True)
class Drawn:
    """A picture that another part of keraseq draws, with the numbers behind it."""

    title: str
    description: str
    draw: Callable[[], Picture]
    table: Table


Figure = Chart | Levels | Ranks | Drawn


@dataclass(frozen=True)
class Part:
    """Some of a section under one small heading; `closed` parts are opened by the reader.

    Attributes:
        title: may be empty.
        text: paragraphs.
        tables, figures: in their order.
        closed: whether it is folded away at first.
    """

    title: str = ""
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    closed: bool = False


@dataclass(frozen=True)
class Section:
    """A chapter of a report.

    Attributes:
        key: its anchor.
        title, text: heading and paragraphs.
        parts: what follows.
    """

    key: str
    title: str
    text: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        title: of it.
        facts: what it is of, in short: name → value.
        warnings: what could not be used.
        sections: those that have something to say.
        rows: for CSV, one mapping a run.
    """

    title: str
    facts: Mapping[str, str]
    sections: tuple[Section, ...]
    warnings: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


def number(value: Any) -> str:
    """A number for people: four digits that count, thousands apart; `–` for none.

    >>> [number(one) for one in (0.93, 12.3456, 5.3e-05, 0.0, 66910, 70000.4, None, "last")]
    ['0.9300', '12.35', '5.30e-05', '0', '66,910', '70,000', '–', 'last']
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or value == 0:
        return f"{value:,.0f}"
    if not math.isfinite(value):
        return str(value)
    size = math.floor(math.log10(abs(value)))
    if size < -3:
        return f"{value:.2e}"
    return f"{value:,.{max(0, 3 - size)}f}"


def interval(series: Series, place: int) -> str:
    """The ends of an interval, or `–`."""
    if not series.low or series.low[place] is None:
        return "–"
    return f"{number(series.low[place])} … {number(series.high[place])}"
