"""Pictures of what the diagnostics found; they need Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keraseq.diagnostics.gradients import GradientNorms
from keraseq.diagnostics.receptive_field import ReceptiveField
from keraseq.pictures import figure_class
from keraseq.pictures import save as save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_gradient_norms(found: Mapping[str, GradientNorms]) -> Figure:
    """One line a model: gradient norm against step, logarithmic; what is below 1e-16 is cut off."""
    figure, axes = _figure()
    for name, norms in found.items():
        axes.semilogy(norms.mean, label=name)
    axes.set_ylim(bottom=max(1e-16, axes.get_ylim()[0]))
    axes.set(xlabel="step t", ylabel="‖∂loss/∂x_t‖", title="Gradient of the loss with respect to each step")
    axes.legend(frameon=False)
    return figure


def plot_receptive_fields(found: Mapping[str, ReceptiveField]) -> Figure:
    """One line a model: influence on the output at one step against how far back the step lies, logarithmic."""
    figure, axes = _figure()
    for name, field in found.items():
        lag = field.step - np.arange(len(field.influence))
        strongest = max(float(field.influence.max()), 1e-30)
        axes.semilogy(lag, np.maximum(field.influence / strongest, 1e-12), label=f"{name}: 95 % in {field.span()}")
    axes.set(xlabel="steps back from the output", ylabel="influence, strongest = 1", title="Effective receptive field")
    axes.legend(frameon=False)
    return figure


def plot_attention(found: Mapping[str, np.ndarray], row: int = 0) -> Figure:
    """A map for each layer and head of one row: queries downwards, keys to the right."""
    heads = max(weights.shape[1] for weights in found.values())
    figure, grid = _figure(len(found), heads, size=2.2)
    for line, (name, weights) in zip(grid, found.items(), strict=True):
        for head, axes in enumerate(line):
            axes.set_axis_off()
            if head < weights.shape[1]:
                axes.imshow(weights[row, head], cmap="viridis", vmin=0, aspect="auto", interpolation="nearest")
                axes.set_title(f"{name}, head {head}", fontsize=7)
    return figure


def plot_gates(found: Mapping[str, Mapping[str, np.ndarray]], row: int = 0) -> Figure:
    """A map for each layer and gate of one row: units downwards, time to the right; dark is closed, bright is open."""
    gates = max(len(kinds) for kinds in found.values())
    figure, grid = _figure(len(found), gates, size=3.0)
    for line, (name, kinds) in zip(grid, found.items(), strict=True):
        for axes, (gate, values) in zip(line, kinds.items(), strict=False):
            axes.imshow(values[row].T, cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
            axes.set_title(f"{name}: {gate}", fontsize=8)
        for axes in line[len(kinds) :]:
            axes.set_axis_off()
    return figure


def _figure(rows: int | None = None, columns: int = 1, size: float = 3.0) -> tuple[Figure, Any]:
    """A figure and its axes: one, or a grid of `rows` by `columns`; it belongs to no window."""
    cls = figure_class()
    if rows is None:
        figure = cls(figsize=(8, 4.5), layout="constrained")
        return figure, figure.subplots()
    figure = cls(figsize=(size * columns, size * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)
