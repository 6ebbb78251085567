"""`keraseq list` and `keraseq describe`."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer
from rich.table import Table

from keraseq import config
from keraseq.cli.output import Json, brief, console, print_json
from keraseq.errors import UsageError, unknown
from keraseq.registry import KINDS, Description


def list_names(
    kind: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(KINDS)}.")] = None,
    pattern: Annotated[str, typer.Option("--match", help="Wildcard, such as '*lstm*'.")] = "*",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Keep what carries this tag; may be repeated.")] = None,
    json: Json = False,
) -> None:
    """Names of layers, models, tasks, search algorithms and strategies, plugins included."""
    if kind is not None and kind not in KINDS:
        raise UsageError(unknown("kind", kind, KINDS))
    found = {name: registry for name, registry in KINDS.items() if kind in (None, name)}
    names = {name: registry.names(pattern, tags=tag or ()) for name, registry in found.items()}
    if json:
        print_json({k: [{"name": n, "source": found[k].source(n)} for n in members] for k, members in names.items()})
        return
    table = Table(show_header=True)
    table.add_column("kind")
    table.add_column("names")
    for name, members in names.items():
        shown = [m if (source := found[name].source(m)) == "keraseq" else f"{m} ({source})" for m in members]
        table.add_row(name, ", ".join(shown) or "–")
    console.print(table)


def describe(
    name: Annotated[str, typer.Argument(help="Of a layer, model, task, search algorithm or strategy.")],
    kind: Annotated[str | None, typer.Option("--kind", help="Where several kinds share the name.")] = None,
    json: Json = False,
) -> None:
    """What a component is: its docstring, reference, tags, source and settings with ranges.

    Of a task also published and measured scores and, where it is prepared at its defaults, sizes, lengths, balance and
    chance.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(unknown("kind", kind, KINDS))
    found = [r.describe(name) for k, r in KINDS.items() if kind in (None, k) and r.knows(name)]
    if not found:
        names = [n for k, registry in KINDS.items() if kind in (None, k) for n in registry.names()]
        raise UsageError(unknown("component", name, names))
    if json:
        print_json([_to_json(description) for description in found])
        return
    for description in found:
        _show(description)
        if _is_task(description):
            _show_baselines(description)
            _show_data(description)


def _is_task(description: Description) -> bool:
    return description.kind == KINDS["tasks"].kind


def _to_json(description: Description) -> dict[str, Any]:
    shown = {f.name: getattr(description, f.name) for f in dataclasses.fields(description) if f.name != "component"}
    shown["settings"] = _settings(description.component)
    if _is_task(description):
        shown["baselines"] = [dataclasses.asdict(baseline) for baseline in description.component.baselines]
        shown["data"] = _summary(description)
    return shown


def _summary(description: Description) -> dict[str, Any] | None:
    """Sizes, lengths, balance, chance and source of a task at its defaults, where it has been prepared."""
    from keraseq.tasks import cache, load_task

    if _required(description) or not cache.place(description.name, description.component().identity(None)).is_dir():
        return None
    return load_task(description.name).summary()


def _required(description: Description) -> list[str]:
    return [f.name for f in config.fields(description.component) if f.default is dataclasses.MISSING]


def _show_data(description: Description) -> None:
    from keraseq.cli.data import summary_table

    if (summary := _summary(description)) is not None:
        console.print(summary_table(summary))
        return
    given = "".join(f" --set task.{name}=…" for name in _required(description))
    command = f"keraseq data prepare {description.name}{given}"
    console.print(f"Sizes, lengths, chance and licence: {command}", highlight=False, soft_wrap=True)


def _show_baselines(description: Description) -> None:
    if not description.component.baselines:
        return
    table = Table(title="scores on test")
    for column in ("model", "metric", "score", "with", "from"):
        table.add_column(column)
    for baseline in description.component.baselines:
        table.add_row(baseline.name, baseline.metric, brief(baseline.value), baseline.setting, baseline.source)
    console.print(table, markup=False)


def _settings(component: Any) -> list[dict[str, Any]]:
    if not (isinstance(component, type) and dataclasses.is_dataclass(component)):
        return []
    return [
        {
            "name": field.name,
            "type": getattr(field.type, "__name__", str(field.type)),
            "default": None if field.default is dataclasses.MISSING else field.default,
            "range": str(field.range) if field.range else None,
            "meaning": field.meaning,
        }
        for field in config.fields(component)
    ]


def _show(description: Description) -> None:
    console.print(f"[bold]{description.kind} {description.name}[/]  ({description.source})", highlight=False)
    for label, value in (
        ("aliases", ", ".join(description.aliases)),
        ("tags", ", ".join(description.tags)),
        ("reference", description.reference),
    ):
        if value:
            console.print(f"{label}: {value}", highlight=False, markup=False)
    console.print(f"\n{description.doc}\n", highlight=False, markup=False)
    rows = _settings(description.component)
    if rows:
        table = Table()
        for column in ("setting", "default", "search range", "meaning"):
            table.add_column(column)
        for row in rows:
            table.add_row(row["name"], str(row["default"]), row["range"] or "–", row["meaning"])
        console.print(table, markup=False)
