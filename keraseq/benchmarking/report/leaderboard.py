"""Who wins where: rows of models with intervals and ties, and ranks of families across tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from keraseq.benchmarking.report.content import Figure, Levels, Part, Ranks, Section, Table, number
from keraseq.benchmarking.report.parts import axis, better, point, wide
from keraseq.benchmarking.results import Entry, Row
from keraseq.benchmarking.statistics import BEST, LEAST_SEEDS, LEAST_TASKS, TIED, UNDECIDED, WORSE, ranking

INTERVALS = (
    "Intervals are 95 % bootstrap intervals of the mean over seeds. Those of few seeds are too short: with 3 seeds "
    "they hold the true mean in about 76 of 100 cases, with 5 in 84."
)
TIES = (
    "★ is told apart from every other model of its row, by paired t-tests over the seeds that two models share, with "
    "Holm's correction over all pairs of the row, at 5 %, errors by their logarithms. ≈ is the best mean and what is "
    f"tied with it: not told apart, so that none of them has won. ? shares fewer than {LEAST_SEEDS} seeds with the "
    "best mean, so that no test can tell; ✕ has no score."
)


def wins(rows: Sequence[Row]) -> Section | None:
    """Who wins on which task, in a sentence each."""
    if not rows:
        return None
    shown = [(row.label, row.said(), better(row), _sized(row)) for row in rows]
    text = (TIES,)
    table = Table(("task", "who wins", "score", "size"), tuple(shown))
    return Section("wins", "Who wins where", text, (Part(tables=(table,)),))


def leaderboard(rows: Sequence[Row]) -> Section | None:
    """Every row: a table and its intervals."""
    if not rows:
        return None
    text = (f"Scores on test, of the weights that were best on validation. {INTERVALS}",)
    return Section("leaderboard", "Leaderboard", text, tuple(_board(row) for row in rows))


def _board(row: Row) -> Part:
    columns = ["model", f"#{row.metric}", "#95 % interval", "#seeds", "#parameters", "#seconds", "#memory [MiB]"]
    shown = []
    for entry in row.entries:
        score, memory = entry.score, entry.mean("memory")
        sign = _sign(row, entry)
        shown.append(
            (
                f"{sign}\u00a0{entry.name}" if sign else entry.name,
                number(score.mean if score else None),
                f"{number(score.low)} … {number(score.high)}" if score and score.low is not None else "–",
                f"{len(entry.scores)}" + (f" ({entry.lost} lost)" if entry.lost else ""),
                number(entry.first.parameters),
                number(entry.mean("seconds")),
                number(None if memory is None else round(memory / 2**20)),
            )
        )
    scored = [entry for entry in row.entries if entry.score is not None]
    figures: tuple[Figure, ...] = ()
    if len(scored) > 1:
        figures = (_dots(row, scored),)
    said = row.said()
    chance = f"; chance is {number(row.first.chance)}" if row.first.chance is not None else ""
    text = [f"Who wins: {said} ({better(row)}{chance})."]
    if lost := [entry.name for entry in row.entries if entry.lost and entry.scores]:
        text.append(f"Of {', '.join(lost)} some runs are lost, and the mean is of the others: see Failures.")
    return Part(row.label, tuple(text), (Table(tuple(columns), tuple(shown)),), figures)


def _sign(row: Row, entry: Entry) -> str:
    """How a model stands, in one letter."""
    if entry.name not in row.verdicts:
        return "✕"
    if len(row.verdicts) == 1:
        return ""
    verdict = row.verdicts[entry.name]
    if verdict == BEST:
        others = set(row.verdicts.values())
        return "≈" if TIED in others else "?" if UNDECIDED in others else "★"
    return {TIED: "≈", UNDECIDED: "?", WORSE: ""}[verdict]


def _dots(row: Row, scored: Sequence[Entry]) -> Levels:
    series = tuple(point(entry, entry.name) for entry in scored)
    means, chance = [one.y[0] for one in series], row.first.chance
    told = ", ".join(f"{one.name} {number(one.y[0])}" for one in series)
    return Levels(
        f"{row.label}: {row.metric}",
        f"Means and intervals, the best first: {told}.",
        axis(row),
        series,
        None if chance is None else (chance, "chance"),
        wide([*means, *([chance] if chance else [])]),
    )


def ranks(rows: Sequence[Row]) -> Section | None:
    """Ranks of the families that have a score on most rows, over the rows on which all of them have one."""
    boards = []
    for row in rows:
        best: dict[str, float] = {}
        for entry in row.entries:  # the best entry of a family comes first
            if entry.score is not None:
                sign = -1 if row.direction == "max" else 1
                best.setdefault(entry.family, sign * entry.score.mean)
        boards.append(best)
    counts = Counter(family for board in boards for family in board)
    most = max(counts.values(), default=0)
    families = [family for family, count in counts.items() if count == most]
    whole = [place for place, board in enumerate(boards) if all(family in board for family in families)]
    if len(families) < 3 or len(whole) < LEAST_TASKS:
        return None
    found = ranking({family: [boards[place][family] for place in whole] for family in families})
    said = (
        f"Average ranks of {len(families)} families over {found.tasks} rows. Friedman's test that all are alike: "
        f"p = {found.p:.2g}. "
    )
    if not found.decided:
        said += "So no family is told from another across these tasks."
    else:
        groups = "; ".join(", ".join(group) for group in found.groups)
        said += (
            f"Nemenyi's test tells two families apart whose average ranks differ by {found.critical:.2f} or more. Not "
            f"told apart are: {groups}."
        )
    text = [said]
    left = sorted(set(counts) - set(families))
    if left:
        text.append(f"Left out, since they have no score in some rows: {', '.join(left)}.")
    if len({rows[place].first.task for place in whole}) < len(whole):
        text.append(
            "Several rows are of one task in other settings; they are less independent than the test takes them."
        )
    picture = Ranks("Average ranks across tasks", said, found.ranks, found.groups, found.critical)
    return Section("ranks", "Across tasks", tuple(text), (Part(figures=(picture,)),))


def _sized(row: Row) -> str:
    sizes = [entry.first.parameters for entry in row.entries if entry.first.parameters]
    if not sizes:
        return "–"
    low, high = number(min(sizes)), number(max(sizes))
    return f"{low} parameters" if low == high else f"{low} to {high} parameters"
