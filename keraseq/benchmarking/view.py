"""How a benchmark looks: a live table on a terminal, plain lines elsewhere, or nothing; and the table at its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from keraseq.benchmarking.cost import by_length, growth
from keraseq.benchmarking.records import Record
from keraseq.benchmarking.runs import Run

if TYPE_CHECKING:
    from keraseq.benchmarking.runner import Running


@dataclass(frozen=True)
class Progress:
    """A benchmark at one moment.

    Attributes:
        asked: runs in all.
        pending: that wait.
        ended: in this call.
        running: what runs, preparations of tasks included.
        workers: most runs at once.
    """

    asked: int
    pending: int
    ended: Sequence[Record]
    running: Sequence[Running]
    workers: int


class View(Protocol):
    """Shows a benchmark as it goes."""

    def update(self, progress: Progress) -> None:
        """Something has happened, or half a second has passed."""

    def ended(self, record: Record) -> None:
        """A run has ended."""

    def searching(self, run: Run, folder: Path) -> None:
        """A search for the settings of a run begins, in a folder."""


class SilentView(View):
    """Shows nothing."""

    def update(self, progress: Progress) -> None:
        pass

    def ended(self, record: Record) -> None:
        pass

    def searching(self, run: Run, folder: Path) -> None:
        pass


class PlainView(SilentView):
    """A line for each run that ended."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console()

    def ended(self, record: Record) -> None:
        self.console.print(line(record), highlight=False, markup=False, soft_wrap=True)

    def searching(self, run: Run, folder: Path) -> None:
        text = f"{run.label}  {run.family}: {run.tuned} trials to find its settings → {folder}"
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


class LiveView(PlainView):
    """What runs, redrawn in place below the lines of what ended; use as a context."""

    def __init__(self, console: Console):
        super().__init__(console)
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._began = time.monotonic()

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, progress: Progress) -> None:
        lines = [Text(f"  {_running(running)}") for running in progress.running]
        done = progress.asked - progress.pending - sum(one.run is not None for one in progress.running)
        foot = f"  {done} of {progress.asked} runs done; {time.monotonic() - self._began:.0f} s"
        self._live.update(Group(*lines, Text(foot, style="dim")))


def _running(running: Running) -> str:
    if running.run is None:
        return f"preparing data  {running.handle.seconds:.0f} s"
    if running.run.kind == "speed":
        return f"{running.run.name}  {running.handle.seconds:.0f} s, {len(running.left)} measurements left"
    epochs = running.run.training["epochs"]
    loss = f"  loss {running.curve[-1]['loss']:.4f}" if running.curve else ""
    return f"{running.run.name}  epoch {len(running.curve)} of {epochs}{loss}  {running.handle.seconds:.0f} s"


def line(record: Record) -> str:
    """One run in one line."""
    size = f"{record.parameters:,} parameters  " if record.parameters else ""
    taken = f"{record.seconds:.1f} s" if record.seconds is not None else ""
    if record.kind == "speed" and record.examples_per_second:
        came = f"{record.examples_per_second:,.1f} examples/s in training"
    elif record.score is not None:
        came = f"{record.metric} {record.score:.4g}"
    else:
        came = f"{record.outcome} {record.message}".strip()
    return f"{record.label}  {record.family}  seed {record.seed}  {came}  {size}{taken}".rstrip()


def table(found: Sequence[Record]) -> Table:
    """Rows of tasks by families: the mean over seeds, ± the deviation where there are several.

    It is of scores on test, or where nothing was learned of examples a second in training.
    """
    speed = any(record.kind == "speed" for record in found)
    labels = list(dict.fromkeys(record.label for record in found))
    families = list(dict.fromkeys(record.family for record in found))
    title = "examples a second in training" if speed else "score on test, ± deviation"
    shown = Table(title=title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for name in ("task", *([] if speed else ["metric"]), *families):
        shown.add_column(name, justify="left" if name in ("task", "metric") else "right", no_wrap=True)
    for label in labels:
        row = [record for record in found if record.label == label]
        metric = next((f"{one.metric} {_ARROWS[one.direction]}" for one in row if one.direction), "–")
        cells = [_cell([one for one in row if one.family == family]) for family in families]
        shown.add_row(label, *([] if speed else [metric]), *cells)
    return shown


_ARROWS = {"max": "↑", "min": "↓"}


def _cell(runs: Sequence[Record]) -> str:
    values = [run.examples_per_second if run.kind == "speed" else run.score for run in runs if run.completed]
    numbers = [value for value in values if value is not None]
    if not numbers:
        return runs[0].outcome if runs else "–"
    spread = f" ± {np.std(numbers, ddof=1):.2g}" if len(numbers) > 1 else ""
    return f"{np.mean(numbers):.4g}{spread}"


def growth_lines(found: Sequence[Record]) -> list[str]:
    """How the time of training grows with length, a line a family, where speed was measured."""
    lines = []
    for family, costs in by_length(found, "training").items():
        line = growth(costs)
        if line is not None:
            interval = "" if line.low is None else f" ({line.low:.2f} … {line.high:.2f})"
            span = f"{line.lengths[0]:,} … {line.lengths[-1]:,} steps"
            lines.append(f"{family}: training time grows as length^{line.exponent:.2f}{interval}, {span}")
    return lines
