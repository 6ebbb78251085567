"""What the rungs of a search are made of: epochs of the whole data, or epochs that begin cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keraseq.config import check
from keraseq.tuning.pruning import REDUCTION, first_rung

if TYPE_CHECKING:
    from keraseq.tasks import Task
    from keraseq.training.stages import Stage
    from keraseq.tuning.job import TaskReference

FIDELITIES = ("epochs", "data", "length")


def rungs(epochs: int) -> list[tuple[int, int]]:
    """`(last epoch, part of the whole)` of the cheap rungs: a ninth up to the first, a third up to three times that.

    >>> rungs(27)
    [(3, 9), (9, 3)]
    """
    first = first_rung("asha", epochs)
    return [(first, REDUCTION**2), (first * REDUCTION, REDUCTION)]


def early(fidelity: str, epochs: int, reference: TaskReference, task: Task) -> list[Stage]:
    """The stages before a training sees all of its data.

    Args:
        fidelity: `epochs` for none; `data` for a share of the examples; `length` for the beginnings of the sequences.
        epochs: of the whole training.
        reference: of the task, by which it is loaded with other lengths.
        task: what is trained on.

    Raises:
        UsageError: sequences of another length are other inputs to a model of this task.
    """
    from keraseq.tasks import load_task
    from keraseq.training.stages import Stage

    if fidelity == "epochs":
        return []
    if fidelity == "data":
        return [Stage(until, task, 1 / part) for until, part in rungs(epochs)]
    longest, _ = task.length(1.0)
    found = []
    for until, part in rungs(epochs):
        settings = {**reference.settings, "max_length": max(1, longest // part)}
        found.append(Stage(until, load_task(reference.name, data_dir=reference.data_dir, **settings)))
    check(
        all(_unbounded(stage.task) == _unbounded(task) for stage in found),
        f"fidelity length needs sequences of any length; models of {task.name} take {task.inputs}: give fidelity data",
    )
    return found


def _unbounded(task: Task) -> dict[str, Any]:
    """What models of a task take, whatever the longest sequence."""
    return {**vars(task.inputs), "longest": None}
