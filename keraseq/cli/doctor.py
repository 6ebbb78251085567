"""`keraseq doctor`."""

from __future__ import annotations

from rich.table import Table

from keraseq.cli.output import DataDir, Json, brief, console, print_json
from keraseq.quiet import quiet_imports


def doctor(data_dir: DataDir = None, json: Json = False) -> None:
    """Versions, devices, what each strategy would do here, extras, folders, and what is wrong."""
    with quiet_imports():
        from keraseq.diagnostics.doctor import examination

        found = examination(data_dir)
    if json:
        print_json(found)
        return
    for title, facts in found.items():
        if title == "problems":
            continue
        table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2))
        for name, value in facts.items() if isinstance(facts, dict) else [("", facts)]:
            table.add_row(name, brief(value))
        console.print(table)
    for problem in found["problems"] or ["nothing is wrong"]:
        console.print(f"→ {problem}", highlight=False, soft_wrap=True)
