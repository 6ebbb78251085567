"""How a search looks: a live table on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from keraseq.tuning.coordinator import Running
from keraseq.tuning.study import Record, Row, Study


def leaderboard_table(study: Study, rows: list[Row] | None = None) -> Table:
    """The leaderboard as a Rich table; a star marks the winner of the search."""
    metric = study.task["metric"]
    better = {"max": "higher", "min": "lower"}[study.task["direction"]]
    table = Table(title=f"{study.task['name']}: {metric}, {better} is better", box=box.SIMPLE_HEAD)
    for name in ("family", "parameters", "validation", "test", "seconds", "epochs", "trials"):
        table.add_column(name, justify="left" if name == "family" else "right", no_wrap=True)
    for place, row in enumerate(study.leaderboard() if rows is None else rows):
        winner = row.winner
        table.add_row(
            f"{'★' if place == 0 and winner else ' '} {row.family}",
            f"{winner.parameters:,}" if winner and winner.parameters else "–",
            f"{winner.score:.4g}" if winner and winner.score is not None else "–",
            f"{row.test:.4g}" if row.test is not None else "–",
            f"{winner.seconds:.1f}" if winner else "–",
            str(winner.epochs) if winner else "–",
            f"{row.trials} ({row.failed} failed)" if row.failed else str(row.trials),
        )
    return table


class SilentView:
    """Shows nothing."""

    def update(self, study: Study, running: list[Running], elapsed: float) -> None:
        """Nothing."""

    def ended(self, record: Record) -> None:
        """Nothing."""


class PlainView(SilentView):
    """A line for each trial that ended."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console()

    def ended(self, record: Record) -> None:
        """One line."""
        self.console.print(_line(record), highlight=False, soft_wrap=True)


class LiveView:
    """The leaderboard and the running trials, redrawn in place; use as a context."""

    def __init__(self, console: Console):
        self.console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, study: Study, running: list[Running], elapsed: float) -> None:
        """Redraws."""
        lines = [
            Text(
                f"  trial {r.index} {r.family}  epoch {r.epoch}"
                + (f"  {study.task['metric']} {r.score:.4f}" if r.score is not None else "")
                + f"  {r.child.seconds:.0f} s"
            )
            for r in running
        ]
        self._live.update(Group(leaderboard_table(study), *lines, Text(f"  {elapsed:.0f} s", style="dim")))

    def ended(self, record: Record) -> None:
        """A line above the table."""
        self.console.print(_line(record), highlight=False, soft_wrap=True)


def _line(record: Record) -> str:
    score = f"{record.score:.4f}" if record.score is not None else f"{record.outcome} {record.message}".strip()
    size = f"{record.parameters:,} parameters  " if record.parameters else ""
    return f"trial {record.index}  {record.family}  {score}  {size}{record.epochs} epochs  {record.seconds:.1f} s"
