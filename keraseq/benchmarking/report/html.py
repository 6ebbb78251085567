"""A report as one HTML file that needs nothing else: no script, no request, figures inside."""

from __future__ import annotations

import importlib.util
from importlib import resources

from keraseq.benchmarking.report import svg
from keraseq.benchmarking.report.content import Chart, Figure, Levels, Ranks, Report
from keraseq.errors import KeraseqError


def html(report: Report) -> str:
    """The report as a page.

    Raises:
        KeraseqError: Jinja2 or Matplotlib is absent.
    """
    if importlib.util.find_spec("jinja2") is None:
        raise KeraseqError("a report in HTML needs Jinja2: pip install 'keraseq[report]'; or write it as .md or .csv")
    import jinja2
    import markupsafe

    places = svg.styles(
        [name for section in report.sections for part in section.parts for name in _named(part.figures)]
    )
    count = iter(range(1_000_000))

    def drawn(figure: Figure) -> markupsafe.Markup:
        return markupsafe.Markup(svg.draw(figure, places, f"figure-{next(count)}"))

    files = resources.files(__package__)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: files.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = markupsafe.Markup(files.joinpath("page.css").read_text(encoding="utf-8"))
    return environment.get_template("page.html").render(report=report, style=style, draw=drawn)


def _named(figures: tuple[Figure, ...]) -> list[str]:
    """What has a colour of its own in some figures."""
    found = []
    for figure in figures:
        if isinstance(figure, Chart | Levels):
            found += [one.style for one in figure.series if one.style]
        elif isinstance(figure, Ranks):
            found += list(figure.ranks)
    return found
