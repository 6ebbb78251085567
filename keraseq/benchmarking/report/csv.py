"""A report as CSV: one line a run, for pandas and others."""

from __future__ import annotations

import csv
import io

from keraseq.benchmarking.report.content import Report


def table(report: Report) -> str:
    """The runs of a report; the first line names the columns."""
    columns = list(dict.fromkeys(name for row in report.rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(report.rows)
    return buffer.getvalue()
