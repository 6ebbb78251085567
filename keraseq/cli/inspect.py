"""`keraseq inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from keraseq.cli.output import DataDir, Json, Seed, console, print_json, settings
from keraseq.config import check
from keraseq.errors import unknown
from keraseq.quiet import quiet_imports

WHAT = ("gradients", "receptive-field", "attention", "gates")


def inspect(
    models: Annotated[str, typer.Argument(help="Families, or folders of trained models, with commas between them.")],
    task: Annotated[str, typer.Argument(help="Task or TFDS name.")] = "digits",
    what: Annotated[str, typer.Option(help=f"One of: {', '.join(WHAT)}.")] = "gradients",
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="task.NAME=VALUE or, for families, model.NAME=VALUE.")
    ] = None,
    parameters: Annotated[int | None, typer.Option(min=1, help="Solve each family's width for this size.")] = None,
    of: Annotated[str, typer.Option(help="Gradients of the loss of the 'last' step or of 'all'.")] = "last",
    row: Annotated[int, typer.Option(min=0, help="Sequence of the batch that maps of attention and gates show.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Picture to write: .png, .svg or .pdf.")] = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Looks inside fresh or trained models, on the first validation batch of a task."""
    check(what in WHAT, unknown("thing to inspect", what, WHAT))
    names = [name.strip() for name in models.split(",") if name.strip()]
    several = what in ("gradients", "receptive-field")
    check(bool(names) and (several or len(names) == 1), f"--what {what} takes one model; got {models!r}")
    given = settings(sets or (), ("task", "model"))

    with quiet_imports():
        import keras

        from keraseq import diagnostics
    from keraseq.config import settings_of
    from keraseq.diagnostics import plots
    from keraseq.tasks import load_task, task_config

    loaded = load_task(task, data_dir=data_dir, **settings_of(task_config(task, given["task"])))
    networks = {name: _network(name, loaded, parameters, seed, given["model"]) for name in names}
    inputs, targets = next(iter(loaded.dataset("validation")))
    check(row < len(targets), f"--row must be at most {len(targets) - 1}, the last sequence of the batch; got {row}")
    found: Any
    data: dict[str, dict[str, Any]]
    match what:
        case "gradients":
            found = {
                name: diagnostics.gradient_norms(network, loaded.output, inputs, targets, of=of)
                for name, network in networks.items()
            }
            data = {name: {"decay": norms.decay, "norms": norms.mean} for name, norms in found.items()}
        case "receptive-field":
            found = {name: diagnostics.effective_receptive_field(network, inputs) for name, network in networks.items()}
            data = {name: {"span": field.span(), "influence": field.influence} for name, field in found.items()}
        case "attention":
            found = diagnostics.attention_maps(networks[names[0]], inputs)
            data = {name: {"weights": weights[row]} for name, weights in found.items()}
        case "gates":
            found = diagnostics.gate_activations(networks[names[0]], inputs)
            data = {name: {gate: values[row] for gate, values in kinds.items()} for name, kinds in found.items()}
    if plot is not None:
        plots.save(_figure(what, found, row), plot)
    if json:
        print_json(keras.tree.map_structure(lambda value: value.tolist() if hasattr(value, "tolist") else value, data))
        return
    _show(data)
    if plot is not None:
        console.print(f"→ {plot}", highlight=False)


def _network(name: str, task: Any, parameters: int | None, seed: int, config: dict[str, str]) -> Any:
    """A trained model where `name` is its folder, else a fresh one of that family."""
    from keraseq.inference.saved import CARD, load_model
    from keraseq.models import create_model

    if (Path(name) / CARD).is_file():
        return load_model(name).model
    return create_model(name, task, parameters=parameters, seed=seed, **config)


def _figure(what: str, found: Any, row: int) -> Any:
    from keraseq.diagnostics import plots

    match what:
        case "gradients":
            return plots.plot_gradient_norms(found)
        case "receptive-field":
            return plots.plot_receptive_fields(found)
        case "attention":
            return plots.plot_attention(found, row)
    return plots.plot_gates(found, row)


def _show(data: dict[str, dict[str, Any]]) -> None:
    """A line a name and quantity: a number, or the shape, least, mean and greatest of many."""
    table = Table("name", "quantity", "shape", "least", "mean", "greatest")
    for name, quantities in data.items():
        for quantity, value in quantities.items():
            if hasattr(value, "shape"):
                shape = " × ".join(map(str, value.shape))
                table.add_row(name, quantity, shape, *(f"{v:.3g}" for v in (value.min(), value.mean(), value.max())))
            else:
                table.add_row(name, quantity, "", "", f"{value:.3g}", "")
    console.print(table)
