"""Batches are parted until a training fits into memory."""

import pytest

from keraseq.errors import KeraseqError
from keraseq.tuning.batch import fitting_batch
from keraseq.tuning.executors.base import call
from keraseq.tuning.executors.local import Local
from keraseq.tuning.job import Job, TaskReference


def job(data_dir, rows, **config):
    task = TaskReference("digits", {"batch_size": rows}, data_dir)
    return Job(task, "transformer", config, {"accumulate": 2}, {}, None, "cpu", 0, "")


@pytest.mark.slow
def test_a_batch_is_parted_until_it_fits(digits, data_dir):
    large, small = (job(data_dir, rows, units=64, layers=1) for rows in (1200, 12))
    executor = Local(1)
    memory = [call(executor, "stretch", asked)["memory"] for asked in (large, small)]
    executor.close()
    rows, accumulate = fitting_batch(large, sum(memory) // 2)
    assert 12 <= rows <= 600
    assert rows * accumulate == 2 * 1200
    assert fitting_batch(large, 2 * memory[0]) == (1200, 2)


def test_what_never_fits_and_what_fails_for_another_reason_is_said(digits, data_dir):
    with pytest.raises(KeraseqError, match=r"one row a batch takes more than 0\.0 GiB; choose a smaller model"):
        fitting_batch(job(data_dir, 2), 1)
    with pytest.raises(KeraseqError, match=r"looking for a batch that fits, the training failed: .*units"):
        fitting_batch(job(data_dir, 2, units=-1))
