"""The time of a step leaves a model as it was; how long it is depends on the machine."""

import numpy as np

from keraseq import create_model
from keraseq.diagnostics import step_time
from keraseq.diagnostics.steps import WARM_UP, steps_time


def test_steps_are_timed_and_the_model_stays_as_it_was(digits) -> None:
    model = create_model("gru", digits, seed=0, units=4)
    model.compile("sgd", loss="mse")
    optimizer, before = model.optimizer, [np.array(value) for value in model.variables]
    assert step_time(model, digits) > 0
    assert model.optimizer is optimizer
    assert all(np.array_equal(a, b) for a, b in zip(before, map(np.array, model.variables), strict=True))


def test_validation_is_timed_too_and_what_warms_up_is_not(digits) -> None:
    found = steps_time(create_model("linear", digits, seed=0, units=4), digits)
    assert found.validation > 0
    assert WARM_UP * found.train / 1000 < found.seconds < 5
