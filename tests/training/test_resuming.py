"""A training that is interrupted anywhere and resumed equals one that never was, bit for bit."""

import json
import multiprocessing
import os
import random
import resource
import signal
from multiprocessing import forkserver

import numpy as np
import pytest
from runs import At, killed_after, train

from keraseq.errors import KeraseqError, UsageError
from keraseq.training.outcome import Outcome
from keraseq.training.stages import Stage


class DroppedError(Exception):
    """Stands for whatever ends a process."""


def drop():
    raise DroppedError


def interrupted(task, directory, steps, **settings):
    with pytest.raises(DroppedError):
        train(task, directory, At(steps, drop), **settings)


def same(one, other):
    (result, weights), (expected, expected_weights) = one, other
    assert result.history == expected.history
    assert (result.score, result.best_epoch, result.outcome) == (
        expected.score,
        expected.best_epoch,
        expected.outcome,
    )
    assert all(np.array_equal(a, b) for a, b in zip(weights, expected_weights, strict=True))


@pytest.fixture(scope="module")
def untouched(digits, tmp_path_factory):
    """What the training gives when nobody interrupts it."""
    folder = tmp_path_factory.mktemp("untouched")
    return train(digits, folder, resume=False, checkpoint_seconds=None), (folder / "history.jsonl").read_bytes()


@pytest.mark.parametrize("steps", [(5,), (41, 1, 12)], ids=["once", "three times"])
def test_it_goes_on_in_the_middle_of_an_epoch(digits, tmp_path, untouched, steps):
    for count in steps:
        interrupted(digits, tmp_path, count)
    same(train(digits, tmp_path), untouched[0])
    assert (tmp_path / "history.jsonl").read_bytes() == untouched[1]
    same(train(digits, tmp_path), untouched[0])  # which had ended already


def test_several_steps_at_once_are_the_same_steps_and_resume_too(digits, tmp_path, untouched):
    for count in (3, 4):  # rounds of four steps
        interrupted(digits, tmp_path, count, steps_per_execution=4)
    (result, weights), (expected, expected_weights) = train(digits, tmp_path, steps_per_execution=4), untouched[0]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(weights, expected_weights, strict=True))
    assert result.history["val_loss"] == pytest.approx(expected.history["val_loss"], rel=1e-4)
    whole = train(digits, tmp_path / "whole", resume=False, steps_per_execution=4)
    same((result, weights), whole)


@pytest.mark.slow
def test_killed_at_ten_random_steps_it_equals_the_one_that_never_was(digits, data_dir, tmp_path, untouched):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["keraseq.tuning.child"])
    forkserver.ensure_running()
    moments = random.Random(0)
    for _ in range(10):
        process = context.Process(target=killed_after, args=(moments.randint(1, 11), data_dir, tmp_path))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    same(train(digits, tmp_path), untouched[0])
    assert (tmp_path / "history.jsonl").read_bytes() == untouched[1]


def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(digits, tmp_path, untouched):
    interrupted(digits, tmp_path, 50)
    older, newest = sorted((tmp_path / "checkpoints").iterdir())
    os.truncate(newest, newest.stat().st_size // 2)
    with pytest.warns(UserWarning, match=f"{newest.name} is damaged; going on from the checkpoint before it"):
        same(train(digits, tmp_path), untouched[0])
    assert not older.exists()


def test_a_full_disk_leaves_the_checkpoint_before_as_it_was(digits, tmp_path, untouched):
    interrupted(digits, tmp_path, 20)
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        with pytest.raises(KeraseqError, match=r"cannot write a checkpoint to .*File too large; .*resume"):
            train(digits, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before
    same(train(digits, tmp_path), untouched[0])


def test_sigterm_saves_and_ends_as_preempted(digits, tmp_path, untouched):
    handler = signal.getsignal(signal.SIGTERM)
    stop = At(50, lambda: os.kill(os.getpid(), signal.SIGTERM))
    result, _ = train(digits, tmp_path, stop, checkpoint_seconds=1e6)
    assert result.outcome is Outcome.PREEMPTED
    assert signal.getsignal(signal.SIGTERM) is handler
    same(train(digits, tmp_path, checkpoint_seconds=1e6), untouched[0])


def test_checkpoints_are_as_rare_as_asked_and_those_of_another_run_go(digits, tmp_path):
    train(digits, tmp_path, epochs=1)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2
    train(digits, tmp_path, epochs=1, resume=False, checkpoint_seconds=1e6)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1  # that of the end
    train(digits, tmp_path / "none", epochs=1, resume=False, checkpoint_seconds=None)
    assert not (tmp_path / "none" / "checkpoints").exists()


def test_stages_go_on_in_theirs(digits, tmp_path):
    stages = [Stage(1, digits, 0.3), Stage(2, digits, 0.6)]
    expected = train(digits, tmp_path / "untouched", resume=False, stages=stages)
    for steps in (5, 30):
        interrupted(digits, tmp_path, steps, stages=stages)
    same(train(digits, tmp_path, stages=stages), expected)


def test_a_run_that_diverged_has_ended(digits, tmp_path):
    settings = {"learning_rate": 1e20, "clip_norm": None, "warmup": 0.0}
    first, second = (train(digits, tmp_path, **settings)[0] for _ in range(2))
    assert first.outcome is second.outcome is Outcome.DIVERGED
    assert second.epochs == first.epochs


def test_a_checkpoint_of_another_training_is_refused(digits, tmp_path):
    interrupted(digits, tmp_path, 5)
    with pytest.raises(UsageError, match=r"another training: training\.epochs was 3 and is 9; seed was 0 and is 1"):
        train(digits, tmp_path, epochs=9, seed=1)
    with pytest.raises(UsageError, match="resume=True needs checkpoints; give directory"):
        train(digits, None)
    with pytest.raises(UsageError, match="checkpoint_seconds must be 0 or more"):
        train(digits, tmp_path, checkpoint_seconds=-1)


def test_batches_can_be_skipped(digits):
    whole, rest = (list(digits.dataset("train", seed=3, epoch=2, skip=skip)) for skip in (0, 7))
    assert len(rest) == len(whole) - 7
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(whole[7:], rest, strict=True))
    with pytest.raises(UsageError, match=r"skip must be in \[0, "):
        digits.dataset("train", skip=len(whole))


def test_the_checkpoint_holds_no_code(digits, tmp_path):
    train(digits, tmp_path, epochs=1)
    for path in (tmp_path / "checkpoints").iterdir():
        with np.load(path, allow_pickle=False) as archive:
            assert json.loads(archive["facts"].tobytes())["ended"] in (True, False)
            assert {array.dtype.kind for array in archive.values()} <= set("fiub")
