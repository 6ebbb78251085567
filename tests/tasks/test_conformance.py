"""Every registered task passes every check, where its data are on this machine."""

import pytest

from keraseq.registry import tasks
from keraseq.testing import check_task, parametrize_checks

FEW = {"train_examples": 300, "test_examples": 60, "batch_size": 16}
SYNTHETIC = {
    "adding": {"length": 12},
    "copy_memory": {"length": 5},
    "selective_copy": {"length": 12, "memory": 4},
    "induction": {"length": 10},
    "mqar": {"length": 16, "vocabulary": 30},
    "parity": {"length": 16},
    "dyck": {"length": 20},
    "listops": {"length": 20, "shortest": 4},
}
SMALL = {"digits": {}} | {name: settings | FEW for name, settings in SYNTHETIC.items()}


@pytest.mark.parametrize("name", SMALL)
def test_generated_tasks(name, data_dir) -> None:
    report = check_task(name, data_dir=data_dir, **SMALL[name])
    assert report.not_run is None
    assert report.ran >= 6


@pytest.mark.parametrize("name", SYNTHETIC)
def test_generated_tasks_with_other_lengths_for_test(name, data_dir) -> None:
    report = check_task(name, data_dir=data_dir, **SMALL[name], test_length=26)
    assert report.ran == 7


def test_every_synthetic_task_is_small_somewhere() -> None:
    assert set(tasks.names(tags={"synthetic"})) == set(SYNTHETIC)


def test_tasks_without_data_are_not_run_and_say_why(tmp_path) -> None:
    report = check_task("mnist", data_dir=str(tmp_path))
    assert report.ran == 0
    assert report.not_run == f"its data are not prepared in {tmp_path}; run: keraseq data prepare mnist"


@pytest.mark.data
@parametrize_checks("tasks", sorted(set(tasks.names()) - set(SMALL)))
def test_conformance(name, case, check) -> None:
    check(name, case)
