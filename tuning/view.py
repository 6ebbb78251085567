"""How a search looks: a live table on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from keraseq.tuning.record import Record
from keraseq.tuning.results.leaderboard import Row, leaderboard
from keraseq.tuning.study import Study

if TYPE_CHECKING:
    from keraseq.tuning.budget import Clock
    from keraseq.tuning.coordinator import Running


@dataclass(frozen=True)
class Progress:
    """A search at one moment.

    Attributes:
        study: what is searched.
        records: everything that ended.
        running: everything that runs.
        clock: time spent and left.
        workers: most trials at once.
    """

    study: Study
    records: Sequence[Record]
    running: Sequence[Running]
    clock: Clock
    workers: int


class View(Protocol):
    """Shows a search as it goes."""

    def update(self, progress: Progress) -> None:
        """Something has happened, or half a second has passed."""

    def ended(self, record: Record) -> None:
        """A trial has ended."""


def leaderboard_table(study: Study, rows: Sequence[Row] | None = None) -> Table:
    """The leaderboard as a Rich table; a star marks the leading family, ≈ those that may only have had worse luck."""
    metric = study.task["metric"]
    better = {"max": "higher", "min": "lower"}[study.task["direction"]]
    title = f"{study.task['name']}: {metric}, {better} is better"
    table = Table(title=title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)  # within 80 columns
    measure = next((kind for kind in study.plan.match if kind != "parameters"), None)
    names = ("family", "parameters", *([measure] if measure else []), "validation", "test", "seconds", "trials")
    for name in names:
        table.add_column(name, justify="left" if name == "family" else "right", no_wrap=True)
    for place, row in enumerate(study.leaderboard() if rows is None else rows):
        winner = row.winner
        mark = "★" if place == 0 and winner else "≈" if row.tied else " "
        notes = [f"{count} {name}" for name, count in (("failed", row.failed), ("pruned", row.pruned)) if count]
        table.add_row(
            f"{mark} {row.family}",
            f"{winner.parameters:,}" if winner and winner.parameters else "–",
            *([_reached(winner, measure)] if measure else []),
            str(row.validation or "–"),
            str(row.test or "–"),
            f"{winner.seconds:.1f}" if winner else "–",
            f"{row.trials} ({', '.join(notes)})" if notes else str(row.trials),
        )
    return table


def _reached(winner: Record | None, measure: str) -> str:
    return f"{winner.match[measure]:,.4g}" if winner and measure in winner.match else "–"


def front_table(study: Study, front: Sequence[Record] | None = None) -> Table:
    """The Pareto front as a Rich table, the best score first."""
    units: dict[str, tuple[str, Callable[[Any], str]]] = {
        "score": (study.task["metric"], lambda value: f"{value:.4g}"),
        "parameters": ("parameters", lambda value: f"{value:,}"),
        "latency": ("latency, ms", lambda value: f"{value:.3g}"),
        "memory": ("memory, MiB", lambda value: f"{value / 2**20:,.0f}"),
        "seconds": ("seconds", lambda value: f"{value:.1f}"),
    }
    names = study.plan.fronted
    table = Table(title="Pareto front", box=box.SIMPLE_HEAD)
    table.add_column("trial")
    table.add_column("family")
    for name in names:
        table.add_column(units[name][0], justify="right")
    for record in study.front() if front is None else front:
        table.add_row(record.name, record.family, *(units[name][1](record.objective(name)) for name in names))
    return table


class SilentView(View):
    """Shows nothing."""

    def update(self, progress: Progress) -> None:
        pass

    def ended(self, record: Record) -> None:
        pass


class PlainView(SilentView):
    """A line for each trial that ended."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console()

    def ended(self, record: Record) -> None:
        self.console.print(_line(record), highlight=False, soft_wrap=True)


class LiveView(PlainView):
    """The best of each family so far and the running trials, redrawn in place; use as a context."""

    def __init__(self, console: Console):
        super().__init__(console)
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, progress: Progress) -> None:
        study = progress.study
        rows = leaderboard(
            list(study.plan.models),
            [record for record in progress.records if not record.replicate],
            [record for record in progress.records if record.replicate],
            {},
            study.task["direction"],
        )
        lines = [Text(f"  {_running(running, study.task['metric'])}") for running in progress.running]
        self._live.update(Group(leaderboard_table(study, rows), *lines, Text(f"  {_foot(progress)}", style="dim")))


def _running(running: Running, metric: str) -> str:
    launch = running.launch
    name = f"trial {launch.index}" + (f", seed {launch.replicate}" if launch.replicate else "")
    score = f"  {metric} {running.score:.4f}" if running.score is not None else ""
    rung = f"epoch {running.epoch} of {running.epochs}"
    return f"{name}  {launch.suggestion.family}  {rung}{score}  {running.handle.seconds:.0f} s"


def _foot(progress: Progress) -> str:
    left = progress.clock.left(finals=True)
    remaining = f", {max(0.0, left):.0f} s left" if isfinite(left) else ""
    failed = sum(record.score is None for record in progress.records)
    return (
        f"{progress.clock.elapsed:.0f} s{remaining}; {len(progress.running)} of {progress.workers} workers busy; "
        f"{len(progress.records)} trials ended, {failed} failed"
    )


def _line(record: Record) -> str:
    score = f"{record.score:.4f}" if record.score is not None else f"{record.outcome} {record.message}".strip()
    pruned = " (pruned)" if record.score is not None and record.outcome == "pruned" else ""
    size = f"{record.parameters:,} parameters  " if record.parameters else ""
    again = f", seed {record.seed}" if record.replicate else ""
    return (
        f"trial {record.index}{again}  {record.family}  {score}{pruned}  {size}{record.epochs} epochs  "
        f"{record.seconds:.1f} s"
    )
