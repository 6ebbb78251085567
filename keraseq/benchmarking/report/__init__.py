"""Reports of benchmarks and studies: `report(paths)` is plain data, which writers turn into HTML, Markdown or CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from keraseq.benchmarking.report.content import Report
from keraseq.config import check
from keraseq.errors import unknown
from keraseq.files import make_folder, replacing

FORMATS: Mapping[str, str] = {"html": ".html", "markdown": ".md", "csv": ".csv"}


def report(paths: Iterable[str | Path], title: str | None = None) -> Report:
    """The report of some benchmarks and studies, together.

    Args:
        paths: folders of benchmarks, files of records, folders of studies.
        title: its heading; None makes one.

    Raises:
        KeraseqError: a path holds neither, a study is damaged, or a library of the extra `report` is absent.

    Example:
        >>> write(report(["runs/bench-long_range"]), "report.html")     # doctest: +SKIP
    """
    from keraseq.benchmarking.report.build import build
    from keraseq.benchmarking.results import load

    return build([load(path) for path in paths], title)


def write(report: Report, path: str | Path, format: str | None = None) -> Path:
    """Writes a report, whole or not at all.

    Args:
        report: what to write.
        path: of the file.
        format: name in `FORMATS`; None goes by the end of the name.

    Raises:
        UsageError: an unknown format, or a name that tells none.
        KeraseqError: it cannot be written, or a library of the extra `report` is absent.
    """
    path = Path(path)
    text = _writer(format_of(path, format))(report)
    make_folder(path.parent)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def format_of(path: str | Path, format: str | None = None) -> str:
    """The format that a file is written in: `format`, or what the end of its name says.

    Raises:
        UsageError: see `write`.
    """
    if format is not None:
        return check_format(format)
    found = [name for name, suffix in FORMATS.items() if Path(path).suffix == suffix]
    check(
        bool(found), f"a report is written to {', '.join(FORMATS.values())}; got {Path(path).name!r}, or give a format"
    )
    return found[0]


def check_format(format: str) -> str:
    """The format, where it is in `FORMATS`; else raises UsageError."""
    check(format in FORMATS, unknown("format of a report", format, FORMATS))
    return format


def _writer(format: str) -> Callable[[Report], str]:
    if format == "html":
        from keraseq.benchmarking.report.html import html

        return html
    if format == "markdown":
        from keraseq.benchmarking.report.markdown import markdown

        return markdown
    from keraseq.benchmarking.report.csv import table

    return table
