"""Pictures hold what was found."""

import builtins

import numpy as np
import pytest

from keraseq.diagnostics import GradientNorms, ReceptiveField, plots
from keraseq.errors import KeraseqError


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib", reason="pictures need keraseq[plot]")


def test_a_line_a_model(matplotlib, tmp_path):
    found = {
        "gru": GradientNorms(np.array([[1e-3, 1e-2], [1e-5, 1e-2]]), "last"),
        "tcn": GradientNorms(np.ones((1, 2)), "last"),
    }
    figure = plots.plot_gradient_norms(found)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["gru", "tcn"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [1e-4, 1e-2])
    plots.save(figure, tmp_path / "norms.svg")
    assert "<svg" in (tmp_path / "norms.svg").read_text()


def test_influence_by_how_far_back_it_lies(matplotlib):
    figure = plots.plot_receptive_fields({"tcn": ReceptiveField(2, np.array([1.0, 2.0, 4.0, 0.0]))})
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), [2, 1, 0, -1])
    np.testing.assert_allclose(line.get_ydata(), [0.25, 0.5, 1.0, 1e-12])


def test_a_map_a_layer_and_head(matplotlib):
    maps = {"block_0": np.random.default_rng(0).random((2, 3, 4, 4)), "block_1": np.ones((2, 1, 4, 4))}
    figure = plots.plot_attention(maps, row=1)
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 4
    np.testing.assert_allclose(shown[2], maps["block_0"][1, 2])


def test_a_map_a_gate(matplotlib):
    gates = {"layer_0": {"z": np.full((1, 5, 3), 0.25), "r": np.full((1, 5, 3), 0.75)}}
    figure = plots.plot_gates(gates)
    assert [axes.get_title() for axes in figure.axes] == ["layer_0: z", "layer_0: r"]
    assert figure.axes[0].images[0].get_array().shape == (3, 5)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    imported = builtins.__import__

    def absent(name, *arguments, **named):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return imported(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(KeraseqError, match=r"pip install 'keraseq\[plot\]'"):
        plots.plot_gates({"layer_0": {"z": np.ones((1, 2, 2))}})
