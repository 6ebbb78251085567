"""A report as Markdown: its text and tables; figures are told by their descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from keraseq.benchmarking.report.content import Report, Table

LONGEST = 30  # rows of a table of a figure; longer ones are for HTML, where they are folded away


def markdown(report: Report) -> str:
    """The report as GitHub's Markdown."""
    return "\n\n".join(_blocks(report)) + "\n"


def _blocks(report: Report) -> Iterator[str]:
    yield f"# {_text(report.title)}"
    yield " · ".join(f"{_text(name)}: {_text(value)}" for name, value in report.facts.items())
    for warning in report.warnings:
        yield f"> **Left out:** {_text(warning)}"
    for section in report.sections:
        yield f"## {_text(section.title)}"
        yield from map(_text, section.text)
        for part in section.parts:
            if part.title:
                yield f"### {_text(part.title)}"
            yield from map(_text, part.text)
            for table in part.tables:
                yield from _table(table)
            for figure in part.figures:
                yield f"*{_text(figure.title)}.* {_text(figure.description)}"
                if not part.tables and len(figure.table.rows) <= LONGEST:
                    yield from _table(figure.table)


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield f"*{_text(table.caption)}*"
    lines = [
        "| " + " | ".join(map(_text, table.heads)) + " |",
        "|" + "|".join("---:" if kind == "number" else "---" for kind in table.kinds) + "|",
    ]
    for row in table.rows:
        cells = [_code(cell) if kind == "code" else _text(cell) for cell, kind in zip(row, table.kinds, strict=True)]
        lines.append("| " + " | ".join(cells) + " |")
    yield "\n".join(lines)


def _text(text: str) -> str:
    """Text that Markdown shows as it is: nothing in it is markup, HTML or a link."""
    return re.sub(r"([\\`*_\[\]<>|#~!])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """A code span, whose fence is longer than any in the text; a bar would end the cell."""
    flat = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", flat)), default=0) + 1)
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat}{fence}"
