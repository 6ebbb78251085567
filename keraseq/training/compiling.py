"""How a model is compiled for its training, and whether XLA takes part in that."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keraseq.config import check
from keraseq.files import make_folder, write_json
from keraseq.inference.carried import Carried
from keraseq.machine import cores, processor
from keraseq.tasks import Task
from keraseq.tasks.cache import directory
from keraseq.training.distributed.copies import copied, sharded
from keraseq.training.distributed.replicated import Replicated
from keraseq.training.optimizers import optimizer
from keraseq.training.settings import Training
from keraseq.training.timing import STEPS, WARM_UP, first_steps

WORTH_MEASURING = 2_000  # steps of a training from which on XLA, which compiles for seconds, may be repaid


def compiled(
    model: keras.Model, task: Task, training: Training, steps: int, jit_compile: bool
) -> tuple[keras.Model | Replicated, list[keras.callbacks.Callback]]:
    """What is trained in the model's stead, compiled, and the callbacks that it needs.

    Args:
        steps: batches of the whole training.
        jit_compile: whether XLA compiles the steps.
    """
    if replicated():
        check(not task.carries, "rows that go on from batch to batch stay on one device; use strategy auto")
        return Replicated(model, task, training, steps, jit_compile), []
    if keras.distribution.distribution() is not None:
        model = sharded(model, task)
    trained = Carried(model, task.config.batch_size) if task.carries else model
    compile_for(trained, task, training, steps, jit_compile)
    return trained, [trained.resetting()] if isinstance(trained, Carried) else []


def compile_for(model: keras.Model, task: Task, training: Training, steps: int, jit_compile: bool = False) -> None:
    """Compiles a model as training on one device does."""
    measures = {**task.measures, "loss": task.output.smoothed(training.label_smoothing).loss()}
    model.compile(
        optimizer=optimizer(training, steps),
        **measures,
        jit_compile=jit_compile,
        steps_per_execution=training.steps_per_execution,
    )


def replicated() -> bool:
    """Whether the strategy in scope is one of `tf.distribute`."""
    return keras.backend.backend() == "tensorflow" and tf.distribute.has_strategy()


def chosen(model: keras.Model, task: Task, training: Training, steps: int) -> bool:
    """Whether XLA compiles the steps of a training.

    `auto` measures the first steps of a copy, with XLA and without, and takes what ends sooner; where XLA would compile
    anew for every length of a batch, or the training is too short to repay it, that is without. What was measured is
    kept in the cache, so that the same training is always compiled the same way on one machine. JAX does without XLA
    only operation by operation.
    """
    if training.jit_compile != "auto":
        return bool(training.jit_compile)
    if keras.backend.backend() == "jax":
        return True
    if replicated():
        return False
    fixed = task.config.static_shapes or all(tensor.shape[1] is not None for tensor in model.inputs)
    if not fixed or steps < WORTH_MEASURING:
        return False
    kept = _kept(model, task, training)
    if not kept.exists():
        make_folder(kept.parent)
        write_json(kept, {str(xla): _measured(model, task, training, xla) for xla in (False, True)})
    plain, xla = (json.loads(kept.read_text(encoding="utf-8"))[str(xla)] for xla in (False, True))
    return bool(xla["start"] + steps * xla["step"] < plain["start"] + steps * plain["step"])


def _measured(model: keras.Model, task: Task, training: Training, xla: bool) -> dict[str, float]:
    """Seconds of compiling, and of a step after that."""
    trained, watchers = compiled(copied(model), task, training, WARM_UP + STEPS, xla)
    timer = first_steps(trained, task, watchers)
    return {"start": timer.start, "step": timer.median}


def _kept(model: keras.Model, task: Task, training: Training) -> Path:
    """Where the measurement of such a training on this machine is kept."""
    depends: list[Any] = [
        [
            (type(layer).__name__, layer.dtype_policy.name, [list(w.shape) for w in layer.weights])
            for layer in model.layers
        ],
        [list(tensor.shape) for tensor in model.inputs],
        [task.config.batch_size, task.length(1.0), training.optimizer, training.accumulate],
        [tf.__version__, keras.__version__, processor(), cores(), keras.distribution.list_devices()],
    ]
    name = hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:16]
    return directory() / "compiling" / f"{name}.json"
