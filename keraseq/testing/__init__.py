"""Conformance checks: what every layer, model family and task must do, those of plugins included.

from keraseq.testing import check_layer, check_model, parametrize_checks

def test_my_layer():
    check_layer("my_layer", units=4)

@parametrize_checks("models", ["my_family"])
def test_my_family(name, case, check):
    check(name, case)

The settings that are tried are the `cases` of a registration; what cannot hold stands in its `expected_failures`.
"""

from keraseq.testing.layers import LAYER_CHECKS, LAYERS, check_layer
from keraseq.testing.models import MODEL_CHECKS, MODELS, check_model
from keraseq.testing.parametrize import SUITES, parametrize_checks, suite_of
from keraseq.testing.report import Report, Result
from keraseq.testing.suite import Suite
from keraseq.testing.tasks import TASK_CHECKS, TASKS, check_task
from keraseq.testing.tasks.case import DATA_DIR

__all__ = [
    "DATA_DIR",
    "LAYERS",
    "LAYER_CHECKS",
    "MODELS",
    "MODEL_CHECKS",
    "SUITES",
    "TASKS",
    "TASK_CHECKS",
    "Report",
    "Result",
    "Suite",
    "check_layer",
    "check_model",
    "check_task",
    "parametrize_checks",
    "suite_of",
]
