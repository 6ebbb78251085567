"""Two replicas make of a model what one device makes of it. Replicas need a process of their own: see `replicas.py`."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf

import keraseq
from keraseq.errors import KeraseqError, UsageError
from keraseq.models.outputs import Classification, Forecasting, Tagging, Transduction
from keraseq.registry import strategies
from keraseq.training.distributed.shares import share, total, weighted
from keraseq.training.distributed.workers import cluster

SCRIPT = Path(__file__).parent / "replicas.py"


@pytest.mark.parametrize("rows", [1, 5, 65])
def test_shares_have_every_row_once(rows):
    batch = {"x": tf.range(rows), "y": tf.random.stateless_normal((rows, 3), (0, 0))}
    parts = [share(batch, tf.constant(replica), 3) for replica in range(3)]
    sizes = [len(part["x"]) for part, _ in parts]
    assert sizes == [1, 1, 1] if rows == 1 else max(sizes) - min(sizes) == 1
    kept = np.concatenate([part["x"].numpy()[real.numpy() == 1] for part, real in parts])
    assert kept.tolist() == list(range(rows))


def labels(count):
    return tuple(map(str, range(count)))


@pytest.mark.parametrize("with_weights", [False, True])
@pytest.mark.parametrize(
    ("output", "targets", "outputs"),
    [
        (Classification(labels(4)), (5,), (5, 4)),
        (Tagging(labels(4)), (5, 6), (5, 6, 4)),
        (Transduction(labels(4)), (5, 3), (5, 9, 5)),
        (Forecasting(horizon=6, size=2), (5, 6, 2), (5, 6, 2)),
    ],
)
def test_parts_of_a_mean_add_up_to_it(output, targets, outputs, with_weights):
    random = np.random.default_rng(0)
    if isinstance(output, Forecasting):
        y = random.normal(size=targets).astype("float32")
    else:
        y = random.integers(0, 4, targets).astype("int32")
    if output.targets != "whole" and not isinstance(output, Forecasting):
        y[:, -2:] = output.padding
        y[0] = output.padding
    predicted = random.normal(size=outputs).astype("float32")
    weight = tf.constant([1.0, 0.0, 2.0, 1.0, 0.5]) if with_weights else None
    loss = output.loss()
    expected = loss(y, tf.constant(predicted), weight)
    batch = [tf.constant(y), tf.constant(predicted), *([weight] if with_weights else [])]
    parts = []
    for replica in range(2):
        (y_r, predicted_r, *weight_r), real = share(batch, tf.constant(replica), 2)
        weight_r = weighted(real, weight_r[0] if weight_r else None)
        parts.append(total(loss, y_r, predicted_r, real, weight_r))
    assert sum(float(part) for part, _ in parts) / sum(float(count) for _, count in parts) == pytest.approx(
        float(expected), rel=1e-5
    )


def run(kind, folder, data_dir, *arguments):
    command = [sys.executable, SCRIPT, kind, folder, data_dir, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    found = dict(np.load(folder / f"{kind}.npz"))
    return found, json.loads((folder / f"{kind}.json").read_text())


def equal(one, other):
    assert one.keys() == other.keys()
    assert max(np.abs(one[name] - other[name]).max() for name in one) < 1e-5


@pytest.fixture(scope="module")
def single(data_dir, digits, tmp_path_factory):
    return run("single", tmp_path_factory.mktemp("single"), data_dir)


def test_two_replicas_equal_one_device(single, tmp_path, data_dir):
    weights, told = run("mirrored", tmp_path, data_dir)
    equal(weights, single[0])
    for name, values in single[1]["history"].items():
        assert told["history"][name] == pytest.approx(values, rel=1e-4), name
    assert told["score"] == single[1]["score"]


def test_accumulation_clipping_averages_batch_norm_and_several_steps_at_once_equal_too(tmp_path, data_dir):
    settings = json.dumps(
        {
            "accumulate": 3,
            "steps_per_execution": 2,
            "average": 0.9,
            "clip_norm": None,
            "clip_value": 0.01,
            "static_shapes": True,
            "batch_norm": True,
        }
    )
    one, two = (run(kind, tmp_path, data_dir, settings)[0] for kind in ("single", "mirrored"))
    equal(one, two)


@pytest.mark.slow
def test_steps_compiled_by_xla_equal_too(single, tmp_path, data_dir):
    weights, told = run("mirrored", tmp_path, data_dir, '{"jit_compile": true}')
    assert told["jit_compile"]
    equal(weights, single[0])


@pytest.mark.slow
def test_two_processes_equal_one_device(single, tmp_path, data_dir):
    weights, told = run("workers", tmp_path, data_dir)
    equal(weights, single[0])
    assert told["score"] == single[1]["score"]


def command(data_dir, folder, *more):
    options = ["--epochs", "3", "--set", "training.patience=null", "--local-workers", "2", "--data-dir", data_dir]
    return [sys.executable, "-m", "keraseq", "train", "gru", "digits", *options, "-d", str(folder), *more]


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_job_and_resume_gives_the_same_result(digits, data_dir, tmp_path):
    def weights(folder):
        return keraseq.load_model(folder).model.get_weights()

    subprocess.run(command(data_dir, tmp_path / "untouched"), check=True, capture_output=True, timeout=300)
    folder = tmp_path / "killed"
    launcher = subprocess.Popen(
        command(data_dir, folder, "--checkpoint-seconds", "0"), stderr=subprocess.PIPE, text=True
    )
    history = folder / "history.jsonl"
    while launcher.poll() is None and not (history.exists() and history.read_text()):
        time.sleep(0.05)
    workers = [child for child in psutil.Process(launcher.pid).children() if "keraseq" in " ".join(child.cmdline())]
    workers[1].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    _, errors = launcher.communicate(timeout=60)
    assert time.monotonic() - killed < 30
    assert launcher.returncode == 1
    assert "worker 1 of 2 was ended by SIGKILL, and so the job; run it again with --resume" in errors
    result = subprocess.run(command(data_dir, folder, "--resume"), capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert (folder / "history.jsonl").read_text() == (tmp_path / "untouched" / "history.jsonl").read_text()
    assert all(np.array_equal(a, b) for a, b in zip(weights(folder), weights(tmp_path / "untouched"), strict=True))


@pytest.mark.slow
def test_a_worker_that_hangs_ends_the_job(data_dir, digits, tmp_path):
    result = subprocess.run(
        [sys.executable, SCRIPT, "hung", tmp_path, data_dir], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 1
    assert "no step in 5 s: a worker hangs; start all of them again, with --resume" in result.stderr


def test_what_a_strategy_lacks_is_said_at_once(digits, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    model = keraseq.create_model("linear", digits)
    with pytest.raises(UsageError, match=r"'mirrored' needs at least 2 devices; got .*: use strategy 'auto'"):
        keraseq.fit(model, digits, strategy="mirrored", progress=False)
    with pytest.raises(UsageError, match=r"needs a cluster; set TF_CONFIG, .* --local-workers N"):
        keraseq.connect()


def test_a_strategy_of_one_replica_equals_plain_fit(digits, monkeypatch):
    settings = {"epochs": 2, "accumulate": 2, "clip_norm": 0.01, "optimizer": "sgd", "progress": False}
    plain, one = (keraseq.create_model("linear", digits, seed=0) for _ in range(2))
    expected = keraseq.fit(plain, digits, **settings).history
    monkeypatch.setattr(strategies, "get", lambda name: tf.distribute.OneDeviceStrategy("CPU:0").scope)
    found = keraseq.fit(one, digits, **settings).history
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(plain.get_weights(), one.get_weights(), strict=True))
    assert found["gradient_norm"] == pytest.approx(expected["gradient_norm"], rel=1e-4)


def test_batch_normalisation_is_refused_on_replicas_under_masks_and_xla(digits):
    from keraseq.training.distributed.replicated import Replicated
    from keraseq.training.settings import Training

    def normalised(x):
        return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(keras.layers.BatchNormalization()(x)))

    inputs = keras.Input((64, 1))
    with pytest.raises(UsageError, match="is masked, and so has statistics of its own in every replica"):
        Replicated(normalised(keras.layers.Masking()(inputs)), digits, Training(), 10)
    with pytest.raises(UsageError, match="in the midst of what XLA would compile; leave jit_compile out"):
        Replicated(normalised(inputs), digits, Training(), 10, jit_compile=True)


def test_float16_is_refused_on_replicas(digits):
    from keraseq.training.distributed.replicated import Replicated
    from keraseq.training.settings import Training

    model = keraseq.create_model("linear", digits, precision="mixed_float16")
    with pytest.raises(UsageError, match="use precision mixed_bfloat16"):
        Replicated(model, digits, Training(), 10)
    assert isinstance(model, keras.Model)


def test_the_workers_of_slurm_are_the_tasks_of_its_step(tmp_path, monkeypatch):
    told = tmp_path / "scontrol"
    told.write_text('#!/bin/sh\n[ "$1 $2 $3" = "show hostnames n[2,10-11]" ] && printf "n2\\nn10\\nn11\\n"\n')
    told.chmod(0o755)
    step = {"JOB_ID": "3", "STEP_ID": "1", "STEP_NUM_TASKS": "5", "STEP_NODELIST": "n[2,10-11]", "PROCID": "4"}
    for name, value in {**step, "STEP_TASKS_PER_NODE": "2(x2),1", "DISTRIBUTION": "block:cyclic"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TF_CONFIG", raising=False)
    resolver = cluster()
    hosts, ports = zip(*(job.split(":") for job in resolver.cluster_spec().job_tasks("worker")), strict=True)
    assert hosts == ("n2", "n2", "n10", "n10", "n11")
    assert ports[:2] == ports[2:4] == (ports[4], str(int(ports[4]) + 1))
    assert (resolver.task_type, resolver.task_id) == ("worker", 4)
    monkeypatch.setenv("SLURM_DISTRIBUTION", "cyclic")
    with pytest.raises(UsageError, match="node by node; got --distribution=cyclic: use block"):
        cluster()
    monkeypatch.setenv("SLURM_DISTRIBUTION", "block")
    told.unlink()
    with pytest.raises(KeraseqError, match=r"SLURM does not tell its nodes .*; set TF_CONFIG"):
        cluster()


JAX = """
import keraseq, numpy as np, sys
from keraseq.registry import strategies
task = keraseq.load_task("digits", data_dir=sys.argv[1], batch_size=64, static_shapes=True)
weights = []
for strategy in ("auto", "data-parallel", "model-parallel"):
    model = keraseq.create_model("gru", task, units=4, dropout=0.0, seed=0)
    settings = {"epochs": 2, "optimizer": "sgd", "learning_rate": 0.05, "progress": False}
    keraseq.fit(model, task, strategy=strategy, **settings)
    weights.append(model.get_weights())
with strategies.get("model-parallel")():
    print(*sorted({len(w.value.addressable_shards[0].data.flatten()) / w.value.size for w in
                   keraseq.create_model("gru", task, units=4).weights if len(w.shape) > 1 and w.shape[-1] % 2 == 0}))
print(max(np.abs(one - two).max() for others in weights[1:] for one, two in zip(weights[0], others)))
"""


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
def test_two_devices_of_jax_equal_one(data_dir, digits):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    result = subprocess.run(
        [sys.executable, "-c", JAX, data_dir], capture_output=True, text=True, timeout=300, env=environment
    )
    assert result.returncode == 0, result.stderr
    *_, parts, difference = result.stdout.splitlines()
    assert parts == "0.5"
    assert 0 <= float(difference) < 1e-5
