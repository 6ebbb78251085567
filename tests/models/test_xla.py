"""Every family trains in steps that XLA compiles whole, as a TPU needs it: static shapes, forward and backward."""

import keras
import pytest

import keraseq
from keraseq.registry import models
from keraseq.training.optimizers import optimizer
from keraseq.training.settings import Training

FAMILIES = [name for name in models.names() if models.describe(name).source == "keraseq"]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_is_compiled_with_static_shapes(family, data_dir):
    task = keraseq.load_task("digits", data_dir=data_dir, batch_size=8, static_shapes=True)
    model = keraseq.create_model(family, task, parameters=3000, seed=0)
    inputs, targets, weights = next(iter(task.train))
    assert inputs.shape == (8, 64, 1)
    before = model.get_weights()
    model.compile(optimizer=optimizer(Training(warmup=0.0), 10), **task.measures, jit_compile=True)
    loss = model.train_on_batch(inputs, targets, weights, return_dict=True)["loss"]
    assert model.jit_compile
    assert keras.ops.isfinite(loss)
    assert any((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))
