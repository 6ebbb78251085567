"""A small suite run for real: what a record then holds."""

import pytest

from keraseq import benchmark
from keraseq.benchmarking import records
from keraseq.config import settings_of
from keraseq.training.settings import Training


def test_a_record_holds_all_that_is_known_of_a_run(small):
    assert [(one.outcome, one.seed) for one in small.records] == [("completed", 0), ("completed", 1), ("completed", 2)]
    assert small.problems == []
    one = small.records[0]
    assert (one.suite, one.label, one.length, one.data, one.strategy) == ("tiny", "digits", 64, "digits/1.0.0", "cpu")
    assert (one.metric, one.direction) == ("accuracy", "max")
    assert 0 < one.chance < 0.2
    assert one.score == one.test["accuracy"]
    assert one.matched == {"parameters": one.parameters}
    assert abs(one.parameters - 1500) < 75
    assert one.config["units"] > 1
    assert one.training == {**settings_of(Training()), "epochs": 1}
    assert [epoch["epoch"] for epoch in one.curve] == [1]
    assert one.curve[0]["val_accuracy"] == one.validation
    assert (one.epochs, one.best_epoch, one.jit_compile) == (1, 1, False)
    assert one.threads >= 1
    assert one.flops > 1000
    assert one.memory > 10**8
    assert one.examples_per_second == pytest.approx(1298 / one.seconds)
    assert set(one.versions) == {"keraseq", "keras", "tensorflow", "numpy", "python"}
    assert set(one.machine) == {"processor", "cores", "memory", "devices"}
    assert len({tuple(run.test.items()) for run in small.records}) == 3
    assert (small.path / "trained" / one.id / "model.keras").is_file()


def test_the_same_call_runs_nothing_again(small, tiny, data_dir):
    before = (small.path / records.NAME).read_bytes()
    again = benchmark(tiny, ["linear"], tasks="digits", directory=small.path, data_dir=data_dir, progress=False)
    assert again.records == small.records
    assert (small.path / records.NAME).read_bytes() == before


def test_a_task_without_data_fails_alone(tiny, data_dir, tmp_path):
    file = tmp_path / "some.toml"
    file.write_text(tiny.read_text().replace('"digits"', '"trec"').replace("seeds = 3", "seeds = 1"))
    done = benchmark(file, ["linear"], directory=tmp_path / "bench", data_dir=data_dir, progress=False)
    assert [(one.task, one.outcome) for one in done.asked] == [("trec", "failed"), ("parity", "completed")]
    assert "trec" in done.asked[0].message


@pytest.mark.slow
def test_settings_are_searched_and_then_run_on_fresh_seeds(tiny, data_dir, tmp_path):
    done = benchmark(
        tiny, ["rnn"], tasks="digits", tuned=2, seeds=2, directory=tmp_path, data_dir=data_dir, progress=False
    )
    assert [(one.outcome, one.tuned) for one in done.asked] == [("completed", 2)] * 2
    first, second = done.asked
    assert first.config == second.config
    assert first.training == second.training
    assert first.training["learning_rate"] != Training().learning_rate or first.config["layers"] >= 1
    assert first.matched == {"parameters": first.parameters}
    assert first.test != second.test
    (study,) = (tmp_path / "studies").iterdir()
    assert (study / "study.json").is_file()


def test_speed_is_measured_and_nothing_is_learned(data_dir, tmp_path):
    file = tmp_path / "fast.toml"
    file.write_text(
        'kind = "speed"\n[defaults]\nmodels = ["linear", "gru"]\nseeds = 1\n[[task]]\nname = "copy_memory"\n'
        "settings = { length = 8, train_examples = 64, test_examples = 8, batch_size = 8 }\n"
    )
    done = benchmark(file, ["gru"], directory=tmp_path / "bench", data_dir=data_dir, progress=False)
    (one,) = done.records
    assert (one.kind, one.outcome, one.length, one.test, one.curve) == ("speed", "completed", 28, {}, [])
    assert one.seconds is None
    cost = one.cost
    for spread in (
        cost["train"]["examples_per_second"],
        cost["inference"]["examples_per_second"],
        cost["latency"]["sequence"],
        cost["latency"]["step"],
    ):
        assert 0 < spread["low"] <= spread["median"] <= spread["high"]
        assert spread["repeats"] >= 3
    assert cost["memory"] > cost["memory_before"] > 10**8
    assert cost["compile_seconds"] > 0
    assert one.examples_per_second == pytest.approx(cost["train"]["examples_per_second"]["median"], rel=0.05)
