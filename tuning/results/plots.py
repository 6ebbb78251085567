"""Pictures of a study; they need Matplotlib.

What compares families is drawn here, one colour a family. What looks into one family is Optuna's own, drawn of a copy
of that family's completed trials.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import IntDistribution
from optuna.importance import FanovaImportanceEvaluator

from keraseq import pictures
from keraseq.config import check
from keraseq.errors import KeraseqError, unknown
from keraseq.files import make_folder
from keraseq.tuning.record import Record
from keraseq.tuning.results import pareto
from keraseq.tuning.results.copies import of_scores
from keraseq.tuning.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
AXES = {  # objective → label and factor to its unit
    "parameters": ("trainable parameters", 1.0),
    "latency": ("latency of one sequence [ms]", 1.0),
    "memory": ("peak memory of the trial [MiB]", 2.0**-20),
    "seconds": ("time of the trial [s]", 1.0),
}
MOST = 3  # settings in a contour plot, which has a panel for every pair


def plot(study: Study, what: str, family: str | None = None) -> Figure:
    """A picture of a study.

    Args:
        study: finished or not.
        what: name in `PLOTS`.
        family: what is drawn of it alone; None draws all families, or the winner's where `what` looks into one.

    Raises:
        UsageError: an unknown picture or family.
        KeraseqError: Matplotlib is absent, or there is nothing to draw yet.

    Example:
        >>> plot(study, "pareto").savefig("pareto.png")     # doctest: +SKIP
    """
    check(what in PLOTS, unknown("picture of a study", what, PLOTS))
    check(
        family is None or family in study.plan.models, unknown("family of this study", family or "", study.plan.models)
    )
    pictures.figure_class()  # or says what to install
    winner = study.winner(family)
    if winner is None:
        raise KeraseqError(f"nothing to draw of {family or study.path}: no trial of it has a score yet")
    return PLOTS[what](study, family)


def save(figure: Figure, path: Path) -> None:
    """Writes a picture, in the format that the name of the file says, whole or not at all.

    Raises:
        UsageError: the name ends in another way than `FORMATS`.
    """
    check_format(path)
    make_folder(path.parent)
    pictures.save(figure, path)


def check_format(path: Path) -> None:
    """Raises UsageError unless a picture of this name can be written."""
    check(path.suffix in FORMATS, f"a picture is written to {', '.join(FORMATS)}; got {path.name!r}")


def _pareto(study: Study, family: str | None) -> Figure:
    """Score against each other objective, a point a trial; a line along those that no other beats in both."""
    others = [name for name in study.plan.objectives if name != "score"] or ["parameters"]
    colours = _colours(study, family)
    figure, grid = _panels(len(others))
    for axes, name in zip(grid, others, strict=True):
        label, unit = AXES[name]
        shown = [r for r in study.records() if r.family in colours and None not in (r.score, r.objective(name))]
        for each, colour in colours.items():
            points = [_point(record, name, unit) for record in shown if record.family == each]
            if points:
                _dots(axes, points, color=colour, alpha=0.75, s=36, label=each, zorder=3)
        front = pareto.front(shown, ["score", name], study.task["direction"])
        best = sorted(_point(record, name, unit) for record in front)
        if best:
            xs, ys = zip(*best, strict=True)
            axes.plot(xs, ys, drawstyle="steps-post", color="0.35", linewidth=1, zorder=2)
            axes.scatter(xs, ys, facecolors="none", edgecolors="black", s=90, label="not beaten in both", zorder=4)
        values = [record.objective(name) or 0.0 for record in shown]
        if values and min(values) > 0 and max(values) > 10 * min(values):
            axes.set_xscale("log")
        axes.set(xlabel=label, ylabel=_score(study))
    _finish(figure, f"{study.task['name']}: validation score against size and cost")
    return figure


def _point(record: Record, name: str, unit: float) -> tuple[float, float]:
    return (record.objective(name) or 0.0) * unit, record.score or 0.0


def _history(study: Study, family: str | None) -> Figure:
    """Score against the trial's place in the search, and of each family the best so far."""
    from matplotlib.ticker import MaxNLocator

    colours = _colours(study, family)
    figure, (axes,) = _panels(1)
    better = max if study.task["direction"] == "max" else min
    records = study.records()
    for each, colour in colours.items():
        own = [(r.index, r.score, r.outcome == "pruned") for r in records if r.family == each and r.score is not None]
        best: list[tuple[int, float]] = []
        for index, score, _ in own:
            best.append((index, better(score, best[-1][1]) if best else score))
        whole, pruned = ([(i, s) for i, s, cut in own if cut == given] for given in (False, True))
        if whole:
            _dots(axes, whole, color=colour, s=30, label=each, zorder=3)
        if pruned:
            _dots(axes, pruned, facecolors="none", edgecolors=colour, s=30, zorder=3)
        if best:
            axes.plot(*zip(*best, (records[-1].index, best[-1][1]), strict=True), drawstyle="steps-post", color=colour)
    if any(record.outcome == "pruned" for record in records):
        axes.scatter([], [], facecolors="none", edgecolors="0.35", s=30, label="pruned")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="trial", ylabel=_score(study))
    _finish(figure, f"{study.task['name']}: trials, and the best of each family so far")
    return figure


def _curves(study: Study, family: str | None) -> Figure:
    """Score on validation against the epoch, a line a trial; the best trial of each family stands out."""
    from matplotlib.ticker import MaxNLocator

    colours = _colours(study, family)
    figure, (axes,) = _panels(1)
    key = f"val_{study.task['metric']}"
    best = {name: winner.index for name in colours if (winner := study.winner(name)) is not None}
    for record in [record for record in study.records() if record.family in colours]:
        lines = study.history(record.index)
        points = [(line["epoch"], line[key]) for line in lines if math.isfinite(line.get(key, math.nan))]
        if not points:
            continue
        bold = best.get(record.family) == record.index
        few = len(points) < 2 or (bold and len(points) <= 30)
        axes.plot(
            *zip(*points, strict=True),
            color=colours[record.family],
            label=record.family if bold else None,
            marker="o" if few else None,
            markersize=4,
            linewidth=2.2 if bold else 0.9,
            alpha=1.0 if bold else 0.45,
            zorder=3 if bold else 2,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel=_score(study))
    _finish(figure, f"{study.task['name']}: trials by epoch, the best of each family bold")
    return figure


def _importance(study: Study, family: str | None) -> Figure:
    """Optuna's bars of the settings of one family, by the numbers that `Study.importance` gives."""
    name = _one(study, family)
    (told,) = [each for each in study.importance() if each.family == name]
    if told.shares is None:
        raise KeraseqError(f"nothing to draw of {name}: {told.reason}; --family names another")

    def draw(library: Any, copy: optuna.Study) -> Any:
        return library.plot_param_importances(copy, evaluator=FanovaImportanceEvaluator(seed=0))

    # Under their full names, since the forest depends on the order of the settings.
    figure = _of_optuna(study, name, draw, f"{name}: what {study.task['metric']} depends on", named=str, size=(8, 4.8))
    (axes,) = figure.axes
    if legend := axes.get_legend():
        legend.remove()
    axes.set_title("", loc="left")
    axes.set_yticks(axes.get_yticks(), [_short(label.get_text()) for label in axes.get_yticklabels()])
    axes.set(xlabel="share of the variance, by fANOVA", ylabel="", xlim=(0, 1.1 * max(told.shares.values())))
    return figure


def _slice(study: Study, family: str | None) -> Figure:
    """Optuna's: score against each setting of one family."""
    name = _one(study, family)

    def draw(library: Any, copy: optuna.Study) -> Any:
        return library.plot_slice(copy, _varied(copy), target_name=_score(study))

    figure = _of_optuna(study, name, draw, f"{name}: score against each setting")
    figure.axes[-1].set_ylabel("completed trials, in their order")
    for axes in figure.axes[:-1]:
        _sparse(axes.xaxis)
    return figure


def _parallel(study: Study, family: str | None) -> Figure:
    """Optuna's: a line a trial of one family through all its settings."""
    from matplotlib.ticker import MaxNLocator

    name = _one(study, family)

    def draw(library: Any, copy: optuna.Study) -> Any:
        axes = library.plot_parallel_coordinate(copy, _varied(copy), target_name=study.task["metric"])
        (lines,) = axes.collections
        lines.set_cmap("viridis" if lines.get_cmap().name.endswith("_r") else "viridis_r")  # Blues fade into the page
        wheres = copy.get_trials(deepcopy=False)[0].distributions
        for setting, own in zip(sorted(_varied(copy)), axes.figure.axes[2:], strict=True):
            _sparse(own.yaxis)
            if isinstance(wheres[setting], IntDistribution) and own.get_yscale() == "linear":
                own.yaxis.set_major_locator(MaxNLocator(integer=True))
            for label in own.get_yticklabels():
                label.set_bbox({"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5})
        return axes

    figure = _of_optuna(study, name, draw, f"{name}: a line a trial")
    figure.axes[0].set_title("")
    return figure


def _contour(study: Study, family: str | None) -> Figure:
    """Optuna's: score over pairs of the settings of one family, the most important ones where they are known."""
    name = _one(study, family)
    (told,) = [each for each in study.importance() if each.family == name]
    by_weight = [_short(setting) for setting in told.shares or ()]

    def draw(library: Any, copy: optuna.Study) -> Any:
        varied = _varied(copy)
        chosen = [setting for setting in by_weight or varied if setting in varied][:MOST]
        check(len(chosen) > 1, f"a contour needs two settings that vary; {name} has {len(chosen)}")
        return library.plot_contour(copy, chosen, target_name=_score(study))

    figure = _of_optuna(study, name, draw, f"{name}: score over pairs of settings", size=(10, 8))
    for axes in figure.axes:
        _sparse(axes.xaxis)
        _sparse(axes.yaxis)
        if axes.get_subplotspec() is not None:
            axes.label_outer()
    return figure


def _of_optuna(
    study: Study,
    family: str,
    draw: Callable[[Any, optuna.Study], Any],
    title: str,
    named: Callable[[str], str] | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """A figure that Optuna draws of a family's completed trials; Matplotlib's style and state stay as they were."""
    from matplotlib import pyplot, rc_context

    own = [launches[-1] for (_, replicate), launches in sorted(study.attempts().items()) if not replicate]
    trials = [trial for trial in own if trial.user_attrs["family"] == family]
    copy = of_scores(trials, study.task["direction"], family, named or _short)
    if len(copy.trials) < 2:
        raise KeraseqError(f"nothing to draw of {family}: fewer than two of its trials completed")
    before = set(pyplot.get_fignums())
    with rc_context({"figure.constrained_layout.use": True}), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # all of Optuna's pictures are that
        try:
            draw(optuna.visualization.matplotlib, copy)
            figure = pyplot.gcf()
        finally:
            for number in set(pyplot.get_fignums()) - before:
                pyplot.close(number)
    figure.set_size_inches(size or (max(7.0, 2.0 * len(_varied(copy)) + 3), 4.8))
    figure.suptitle(f"{study.task['name']}, {title}")
    return figure


def _sparse(axis: Any) -> None:
    """Labels of a logarithmic axis that do not run into each other: 1, 2 and 5 in each decade, no others."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = sorted(axis.get_view_interval())
    if axis.get_scale() == "log":
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 30 * low else (1.0,), numticks=6))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def _varied(copy: optuna.Study) -> list[str]:
    """Settings that differ between trials of a copy, in the order of their declaration."""
    trials = copy.get_trials(deepcopy=False)
    names = dict.fromkeys(name for trial in trials for name in trial.params)
    return [name for name in names if len({repr(trial.params.get(name)) for trial in trials}) > 1]


def _one(study: Study, family: str | None) -> str:
    """The family that a picture looks into: the one asked for, or that of the winner."""
    winner = study.winner(family)
    assert winner is not None
    return winner.family


def _short(setting: str) -> str:
    """`units` of `rnn/units`: a picture of one family does not say it at every axis."""
    return setting.rpartition("/")[2]


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with some axes beside each other; it belongs to no window."""
    figure = pictures.figure_class()(figsize=(6.5 * count + 1.5, 4.8), layout="constrained")
    grid = list(figure.subplots(1, count, squeeze=False)[0])
    for axes in grid:
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid


def _dots(axes: Axes, points: Sequence[tuple[float, float]], **style: Any) -> None:
    axes.scatter([x for x, _ in points], [y for _, y in points], **style)


def _finish(figure: Figure, title: str) -> None:
    """Title above, and to the right of the axes one legend for all."""
    figure.suptitle(title)
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(named.values(), named.keys(), loc="outside right upper", frameon=False)


def _colours(study: Study, family: str | None) -> dict[str, Any]:
    """A colour a family, the same in all pictures of the study."""
    from matplotlib import colormaps

    families = list(study.plan.models)
    palette = colormaps["tab10" if len(families) <= 10 else "tab20"]
    return {name: palette(place % palette.N) for place, name in enumerate(families) if family in (None, name)}


def _score(study: Study) -> str:
    better = {"max": "higher", "min": "lower"}[study.task["direction"]]
    return f"{study.task['metric']} on validation ({better} is better)"


PLOTS: Mapping[str, Callable[[Study, str | None], Figure]] = {
    "pareto": _pareto,
    "history": _history,
    "curves": _curves,
    "importance": _importance,
    "slice": _slice,
    "parallel": _parallel,
    "contour": _contour,
}
