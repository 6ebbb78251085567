"""The runner: what is missing is run, whatever ends is on record, and what is on record is not run again."""

import json
from dataclasses import dataclass, field

import pytest

from keraseq import benchmark
from keraseq.benchmarking import records, runner
from keraseq.benchmarking.benchmark import default_folder
from keraseq.benchmarking.suite import parse_suite
from keraseq.benchmarking.tuned import Found
from keraseq.benchmarking.view import SilentView, table
from keraseq.errors import KeraseqError, UsageError
from keraseq.training.outcome import Outcome
from keraseq.tuning.study import locked

SUITE = """
[defaults]
models = ["gru", "rnn"]
seeds = 2
training = { epochs = 2 }

[[task]]
name = "adding"
settings = { length = 20 }

[[task]]
name = "parity"
"""


def mine(text=SUITE):
    return parse_suite(text, "mine", "mine.toml")


def learned(job):
    """The messages of a run that trains to its end; scores follow from family and seed."""
    score = 0.5 + job.seed / 10 + (job.family == "gru") / 100
    epochs = [("epoch", {"epoch": n, "loss": 1 / n, "val_accuracy": score * n / 2}) for n in (1, 2)]
    facts = {"metric": "accuracy", "direction": "max", "score": score, "test": {"accuracy": score - 0.1}}
    told = {"fit_seconds": 2.0, "width": 7, "config": {**job.config, "units": job.width or 7}, "match": job.match}
    end = {"outcome": Outcome.COMPLETED, "epochs": 2, "best_epoch": 2, "seconds": 3.0, "memory": 10**6, **facts, **told}
    return [("ready", {"parameters": 100}), *epochs, ("end", end)]


def ending(outcome, message="", **facts):
    return [("end", {"outcome": outcome, "message": message, "seconds": 1.0, **facts})]


@dataclass
class Handle:
    messages: list
    seconds: float = 1.0
    told: list = field(default_factory=list)
    greedy: bool = False
    closed: bool = False

    def hear(self):
        found = self.messages.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    def tell(self, kind, value):
        self.told.append(kind)

    def exceeds_memory(self):
        return self.greedy

    def kill(self, outcome):
        self.messages, self.greedy = ending(outcome, "above its memory"), False

    def close(self):
        self.closed = True


class Scripted:
    """An executor whose jobs follow `script(job)`; preparations succeed but for tasks in `missing`."""

    def __init__(self, script=learned, workers=1, missing=()):
        self.script, self.workers, self.missing = script, workers, missing
        self.jobs, self.prepared, self.handles, self.most = [], [], [], 0

    def __call__(self, workers, threads=None):
        self.workers = workers
        return self

    def start(self, work, *args, memory=None):
        if work == "prepare":
            self.prepared.append(args[0].name)
            bad = args[0].name in self.missing
            return Handle(ending(Outcome.FAILED, "no data here") if bad else ending(Outcome.COMPLETED))
        self.jobs.append(args[0])
        self.handles.append(Handle(self.script(args[0])))
        return self.handles[-1]

    def ready(self, handles, timeout):
        self.most = max(self.most, len(handles))
        return handles[:1]

    def close(self):
        pass


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A benchmark in one folder, whose jobs follow a script; the executor and what came of it."""

    def run(script=learned, text=SUITE, missing=(), **options):
        executor = Scripted(script, missing=missing)
        monkeypatch.setattr("keraseq.benchmarking.benchmark.Local", executor)
        done = benchmark(mine(text), directory=tmp_path / "bench", view=SilentView(), **options)
        return executor, done

    return run


def kinds(done):
    return [(one.task, one.family, one.seed, one.outcome) for one in done.asked]


def test_every_run_has_a_record_and_is_not_run_again(run):
    executor, done = run()
    assert executor.prepared == ["adding", "parity"]
    assert len(executor.jobs) == len(done.records) == len(done.runs) == 8
    assert [(job.task.name, job.family, job.seed) for job in executor.jobs] == [
        (task, family, seed) for seed in (0, 1) for task in ("adding", "parity") for family in ("gru", "rnn")
    ]
    first = done.asked[0]
    assert (first.label, first.family, first.seed) == ("adding", "gru", 0)
    assert (first.validation, first.score, first.seconds, first.parameters) == (0.51, 0.51 - 0.1, 2.0, 100)
    assert [epoch["loss"] for epoch in first.curve] == [1.0, 0.5]
    assert first.training["epochs"] == 2
    assert first.versions["keraseq"]
    assert first.machine["cores"] >= 1
    again, same = run()
    assert again.jobs == again.prepared == []
    assert same.records == done.records


def test_epochs_are_answered(run):
    executor, _ = run()
    assert [handle.told for handle in executor.handles] == [["go", "go"]] * 8
    assert all(handle.closed for handle in executor.handles)


def test_a_choice_of_models_tasks_and_seeds_adds_to_the_same_records(run):
    _, some = run(models=["gru"], seeds=1)
    assert len(some.records) == 2
    executor, more = run(tasks="parity", seeds=[0, 5])
    assert [(job.family, job.seed) for job in executor.jobs] == [("rnn", 0), ("gru", 5), ("rnn", 5)]
    assert (len(more.records), len(more.asked)) == (5, 4)


def test_failures_are_records_and_the_others_go_on(run):
    def script(job):
        if job.family == "rnn" and job.seed == 0:
            return ending(Outcome.DIVERGED, "the loss became NaN", score=None, test={})
        if job.family == "rnn":
            return ending(Outcome.FAILED, "ValueError: no", traceback="Traceback …")
        return learned(job)

    _, done = run(script)
    assert [outcome for *_, outcome in kinds(done)] == (["completed", "diverged"] * 2 + ["completed", "failed"] * 2)
    failed = done.asked[-1]
    assert (failed.message, failed.score, failed.test, failed.curve) == ("ValueError: no", None, {}, [])
    assert (done.path / "trained" / failed.id / "traceback.txt").read_text() == "Traceback …"
    executor, _ = run()
    assert executor.jobs == []
    executor, better = run(again=True)
    assert len(executor.jobs) == 4
    assert {one.outcome for one in better.records} == {"completed"}
    assert better.problems == []
    assert len(better.records) == 8


def test_data_that_cannot_be_prepared_fail_all_their_runs_and_no_other(run):
    executor, done = run(missing=["adding"])
    assert [outcome for *_, outcome in kinds(done)] == ["failed", "failed", "completed", "completed"] * 2
    assert done.asked[0].message == "no data here"
    assert executor.prepared == ["adding", "parity"]


def test_a_child_that_is_killed_runs_once_more_and_then_is_on_record_until_the_next_call(run):
    lost = []

    def once(job):
        if job.family == "gru" and job.seed == 0 and job.task.name == "parity" and not lost:
            lost.append(job)
            return ending(Outcome.KILLED, "SIGKILL")
        return learned(job)

    executor, done = run(once, models=["gru"], seeds=1)
    assert {one.outcome for one in done.records} == {"completed"}
    assert len(executor.jobs) == 3
    executor, done = run(lambda job: ending(Outcome.KILLED, "SIGKILL"), models=["rnn"], tasks="parity", seeds=1)
    assert kinds(done) == [("parity", "rnn", 0, "killed")]
    assert len(executor.jobs) == 2
    executor, done = run(models=["rnn"], tasks="parity", seeds=1)
    assert kinds(done) == [("parity", "rnn", 0, "completed")]
    assert done.problems == []


def test_a_run_that_takes_too_much_memory_is_killed(run, monkeypatch):
    start = Scripted.start

    def greedy(self, work, *args, memory=None):
        handle = start(self, work, *args, memory=memory)
        handle.greedy = work != "prepare" and args[0].family == "rnn"
        return handle

    monkeypatch.setattr(Scripted, "start", greedy)
    _, done = run(seeds=1, tasks="adding")
    assert kinds(done) == [("adding", "gru", 0, "completed"), ("adding", "rnn", 0, "out of memory")]


def test_an_interrupt_leaves_what_is_done_and_the_rest_is_run_later(run):
    def interrupted(job):
        return [KeyboardInterrupt()] if job.seed else learned(job)

    with pytest.raises(KeyboardInterrupt):
        run(interrupted)
    executor, done = run()
    assert [job.seed for job in executor.jobs] == [1] * 4
    assert len(done.records) == 8


def test_a_truncated_last_line_is_run_again(run):
    _, done = run()
    file = done.path / records.NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:-25])
    executor, mended = run()
    assert len(executor.jobs) == 1
    assert [one.id for one in mended.records] == [one.id for one in done.records]
    assert mended.problems == []
    file.write_bytes(whole.replace(b'"accuracy": 0.4', b'"accuracy": 0.99', 1))
    executor, mended = run()
    assert len(executor.jobs) == 1
    assert len(mended.records) == 8
    assert "its checksum does not hold" in mended.problems[0]


def test_several_workers_run_at_once(run):
    executor, done = run(workers=3)
    assert executor.most == 3
    assert len(done.records) == 8


def test_models_matched_by_time_are_solved_once_for_all_seeds(run):
    text = SUITE.replace("[defaults]", "[defaults]\nmatch = { step-time = 5 }")
    executor, done = run(text=text, workers=2, tasks="adding", models=["gru"], seeds=3)
    assert [job.width for job in executor.jobs] == [None, 7, 7]
    executor, done = run(text=text, workers=2, tasks="adding", models=["gru"], seeds=4)
    assert [job.width for job in executor.jobs] == [7]
    assert all(one.match == {"step-time": 5} for one in done.records)


def test_settings_that_a_search_found_are_run_under_the_same_id(run, monkeypatch):
    asked = []

    def settings(run, *_):
        asked.append((run.task, run.family, run.tuned))
        if run.family == "rnn":
            return "no trial completed"
        return Found({"layers": 2}, {**run.training, "learning_rate": 0.004}, 33)

    monkeypatch.setattr(runner.tuned, "settings", settings)
    executor, done = run(tuned=5, tasks="adding")
    assert asked == [("adding", "gru", 5), ("adding", "rnn", 5)]
    assert [(job.config, job.width, job.training["learning_rate"]) for job in executor.jobs] == [
        ({"layers": 2}, 33, 0.004)
    ] * 2
    gru = [one for one in done.records if one.family == "gru"]
    assert [(one.tuned, one.config, one.training["learning_rate"]) for one in gru] == [
        (5, {"layers": 2, "units": 33}, 0.004)
    ] * 2
    assert [one.message for one in done.records if one.family == "rnn"] == [
        "searching its settings: no trial completed"
    ] * 2
    again, _ = run(tuned=5, tasks="adding")
    assert again.jobs == []
    assert len(asked) == 2


def test_a_folder_holds_one_suite(run, tmp_path):
    _, done = run()
    assert json.loads((done.path / "suite.json").read_text())["name"] == "mine"
    with pytest.raises(UsageError, match=r"holds another suite, or another version of it \(tasks differ\)"):
        run(epochs=1)
    with locked(tmp_path / "bench", "bench.lock"), pytest.raises(KeraseqError, match="in use by another benchmark"):
        run()


def test_the_default_folder_tells_suites_that_were_altered_apart():
    suite = mine()
    assert str(default_folder(suite, suite.altered())) == "runs/bench-mine"
    folders = {str(default_folder(suite, suite.altered(**change))) for change in ({"epochs": 1}, {"tuned": 3})}
    assert len(folders) == 2
    assert all(folder.startswith("runs/bench-mine-") for folder in folders)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "workers must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"memory": 0}, "memory must be above 0"),
        ({"tuned": -1}, "tuned must be 0 or more"),
        ({"match": {"size": 3}}, "match must be one of"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(run, tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        run(**options)
    assert not (tmp_path / "bench").exists()


SPEED = """
kind = "speed"
[defaults]
models = ["gru", "rnn"]
seeds = 1
[[task]]
name = "adding"
vary = { length = [20, 40, 80] }
"""


def measured(job):
    cost = {"train": {"examples_per_second": {"median": 10.0}}}
    facts = {"batch_size": 8, "examples_per_second": 10.0, "length": job.task.settings["length"], "cost": cost}
    return ending(Outcome.COMPLETED, **facts)


def test_speed_is_measured_in_three_processes_for_one_record(run):
    executor, done = run(measured, text=SPEED)
    assert len(executor.jobs) == 3 * 6
    assert [one.kind for one in done.records] == ["speed"] * 6
    assert done.records[0].cost == {"train": {"examples_per_second": {"median": 10.0}}}
    with pytest.raises(UsageError, match="speed is measured one run at a time"):
        run(measured, text=SPEED, workers=2)


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda job: ending(Outcome.OUT_OF_MEMORY), "out of memory"),
        (
            lambda job: ending(Outcome.COMPLETED, batch_size=8, examples_per_second=0.5),
            "a step of training takes 16 s",
        ),
    ],
)
def test_longer_sequences_are_left_out_where_a_family_is_at_its_end(run, end, why):
    def script(job):
        return end(job) if job.family == "rnn" and job.task.settings["length"] == 40 else measured(job)

    _, done = run(script, text=SPEED)
    found = {(one.family, one.length or one.settings["length"]): one for one in done.records}
    assert len(found) == 6
    assert found["rnn", 80].outcome == "too large"
    assert found["rnn", 80].message == f"left out: {why} at length 40"
    assert found["gru", 80].outcome == found["rnn", 20].outcome == "completed"


def test_the_table_has_a_row_a_task_and_a_column_a_family(run):
    _, done = run()
    shown = table(done.asked)
    assert [column.header for column in shown.columns] == ["task", "metric", "gru", "rnn"]
    assert list(shown.columns[2].cells) == ["0.46 ± 0.071"] * 2
    assert list(shown.columns[1].cells) == ["accuracy ↑"] * 2
