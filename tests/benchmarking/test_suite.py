"""Suites: what is written is what is run, and every mistake is told of before anything runs."""

import subprocess
import sys

import pytest

from keraseq.benchmarking.runs import plan
from keraseq.benchmarking.suite import load_suite, names, parse_suite
from keraseq.errors import UsageError

MINE = """
description = "Mine"

[defaults]
models = ["gru", "vanilla_rnn"]
seeds = [0, 7]
match = { parameters = 4000 }
config = { dropout = 0.0 }
training = { epochs = 3, learning_rate = 0.001 }

[[task]]
name = "adding"
settings = { train_examples = 500 }
vary = { length = [20, 40] }

[[task]]
name = "digits"
label = "handwriting"
seeds = 1
match = {}
training = { epochs = 2 }
published = "tay2020"

[[task.model]]
name = "gru"
config = { units = 12 }
training = { clip_norm = "null" }
published = "gu2022"
"""


def mine(text=MINE):
    return parse_suite(text, "mine", "mine.toml")


def test_a_suite_is_expanded_to_its_runs_the_first_seeds_first():
    runs = plan(mine())
    assert [run.name for run in runs] == [
        "adding 20  gru  seed 0",
        "adding 20  rnn  seed 0",
        "adding 40  gru  seed 0",
        "adding 40  rnn  seed 0",
        "handwriting  gru  seed 0",
        "handwriting  rnn  seed 0",
        "adding 20  gru  seed 7",
        "adding 20  rnn  seed 7",
        "adding 40  gru  seed 7",
        "adding 40  rnn  seed 7",
    ]
    assert len({run.id for run in runs}) == len(runs)
    assert len({run.group for run in runs}) == 6


def test_what_is_nearer_stands_before_what_is_shared():
    adding, gru, rnn = (plan(mine())[place] for place in (2, 4, 5))
    assert adding.settings == {"train_examples": 500, "length": 40}
    assert (adding.match, adding.config, adding.published) == ({"parameters": 4000}, {"dropout": 0.0}, None)
    assert (adding.training["epochs"], adding.training["learning_rate"]) == (3, 0.001)
    assert (gru.match, gru.config, gru.published) == ({}, {"dropout": 0.0, "units": 12}, "gu2022")
    assert (gru.training["epochs"], gru.training["learning_rate"], gru.training["clip_norm"]) == (2, 0.001, None)
    assert (rnn.config, rnn.published, rnn.training["clip_norm"]) == ({"dropout": 0.0}, "tay2020", 1.0)


def test_models_tasks_and_seeds_are_chosen():
    assert {run.family for run in plan(mine(), models=["tcn", "gru"])} == {"tcn", "gru"}
    assert {run.label for run in plan(mine(), tasks="adding*")} == {"adding 20", "adding 40"}
    assert {run.label for run in plan(mine(), tasks=["adding 4*", "digits"])} == {"adding 40", "handwriting"}
    assert {run.seed for run in plan(mine(), seeds=3)} == {0, 1, 2}
    assert {run.seed for run in plan(mine(), seeds=[5])} == {5}
    tcn = plan(mine(), models=["tcn"], tasks="handwriting")[0]
    assert (tcn.training["epochs"], tcn.config) == (2, {"dropout": 0.0})


def test_several_sizes_are_rows_of_their_own():
    text = MINE.replace("match = { parameters = 4000 }", "match = { parameters = [4000, 8000] }")
    runs = plan(mine(text), models=["gru"], tasks="adding", seeds=1)
    assert [(run.label, run.match) for run in runs] == [
        ("adding 20, 4000 parameters", {"parameters": 4000}),
        ("adding 20, 8000 parameters", {"parameters": 8000}),
        ("adding 40, 4000 parameters", {"parameters": 4000}),
        ("adding 40, 8000 parameters", {"parameters": 8000}),
    ]


def test_a_suite_is_altered_as_a_whole():
    shorter = mine().altered(epochs=2, tuned=5)
    assert {run.training["epochs"] for run in plan(shorter)} == {2}
    assert {run.tuned for run in plan(shorter)} == {5}
    assert mine().altered() == mine()
    assert mine().altered(epochs=9) == mine()
    other = mine(MINE.replace("config = { units = 12 }", "")).altered(match={"flops": 1e5})
    assert {tuple(run.match.items()) for run in plan(other)} == {(("flops", 1e5),)}
    with pytest.raises(UsageError, match=r"mine, digits: model 'gru': give parameters or units, not both"):
        mine().altered(match={"parameters": 5000})


def test_the_id_of_a_run_is_of_what_is_done_and_not_of_names():
    first = plan(mine())[0]
    renamed = plan(parse_suite(MINE.replace('name = "adding"', 'name = "adding"\nlabel = "sum"'), "other", "other"))[0]
    assert (renamed.suite, renamed.label) == ("other", "sum 20")
    assert renamed.id == first.id
    spelled = MINE.replace('["gru", "vanilla_rnn"]', '["rnn", "gru"]')
    assert {run.id for run in plan(mine(spelled))} == {run.id for run in plan(mine())}
    default = MINE.replace(
        "settings = { train_examples = 500 }", "settings = { train_examples = 500, batch_size = 64 }"
    )
    assert plan(mine(default))[0].id == first.id
    for old, new in (
        ("[0, 7]", "[1, 7]"),
        ("train_examples = 500", "train_examples = 501"),
        ("parameters = 4000", "parameters = 4001"),
        ("dropout = 0.0", "dropout = 0.1"),
        ("learning_rate = 0.001", "learning_rate = 0.002"),
        ("seeds = [0, 7]", "seeds = [0, 7]\ntuned = 4"),
    ):
        assert plan(mine(MINE.replace(old, new)))[0].id != first.id, new


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[defaults]", "[default]", "mine.toml: a suite: no key named 'default'; did you mean 'defaults'?"),
        ("[defaults]\nmodels", "[defaults]\nmodel", "mine.toml: [defaults]: defaults: no key named 'model'"),
        ("vary =", "varied =", "task 1 (adding): a task: no key named 'varied'; did you mean 'vary'?"),
        ("\nconfig = { units", "\nconf = { units", "task 2 (digits): model 1 (gru): a model: no key named 'conf'"),
        ('"gru", "vanilla_rnn"', '"gruu", "rnn"', "task 1 (adding): no model named 'gruu'; did you mean 'gru'?"),
        ('"vanilla_rnn"', '"gru"', "gru is in models twice; give every family once"),
        ('["gru", "vanilla_rnn"]', "[]", 'models must be a list, such as ["gru", "tcn"]; got an empty list'),
        ('name = "adding"', 'name = "addin"', "task 1 (addin): no task named 'addin'; did you mean 'adding'?"),
        ('name = "adding"', "", "task 1: a task needs a name"),
        ("train_examples = 500", "examples = 500", "task 'adding': no setting named 'examples'"),
        ("train_examples = 500", "train_examples = 0", "train_examples must be at least 2; got 0"),
        ("[20, 40]", "[20, 1]", "length must be at least 2; got 1"),
        ("[20, 40]", "[20, 20]", "vary length has 20 twice"),
        ("[20, 40]", "[]", "vary length must be a list, such as [100, 200]; got an empty list"),
        ("[20, 40]", "20", "vary length must be a list, such as [100, 200]; got 20"),
        ("train_examples = 500", "length = 30", "length is both in settings and in vary"),
        ("seeds = [0, 7]", "seeds = [0, 7, 0]", "seed 0 is there 2 times; give every seed once"),
        ("seeds = [0, 7]", "seeds = []", "seeds must be a list, such as [0, 1, 2]; got an empty list"),
        ("seeds = [0, 7]", "seeds = 0", "seeds must be how many, such as 3, or a list"),
        ("seeds = [0, 7]", "seeds = [-1]", "seeds must be in 0 … "),
        ("seeds = [0, 7]", "seeds = [true]", "seeds must be a list, such as [0, 1, 2]; got True"),
        ("seeds = [0, 7]\n", "", "seeds are given neither here nor in [defaults]"),
        ("parameters = 4000", "parameter = 4000", "match must be one of parameters, flops, step-time; got 'parameter'"),
        ("parameters = 4000", "parameters = -1", "match parameters must be above 0; got -1"),
        ("parameters = 4000", "parameters = []", "match parameters must be a list"),
        ("parameters = 4000", "parameters = [10, 10]", "match parameters has a size twice"),
        ("epochs = 3,", "epoch = 3,", "training: no setting named 'epoch'; did you mean 'epochs'?"),
        ("epochs = 3,", "epochs = 0,", "epochs must be at least 1; got 0"),
        ("epochs = 3,", 'epochs = "three",', "epochs must be int"),
        ("dropout = 0.0", "kernel_size = 3", "model 'gru': no setting named 'kernel_size'"),
        ("units = 12", "unit = 12", "model 1 (gru): model 'gru': no setting named 'unit'"),
        ("units = 12", "units = 0", "units must be at least 1; got 0"),
        ("\nmatch = {}", "", "task 2 (digits): model 'gru': give parameters or units, not both"),
        ("seeds = 1\n", "seeds = 1\ntuned = -1\n", "tuned must be 0 or more trials for each family; got -1"),
        ('"tay2020"', '"tay2021"', "no source of published numbers named 'tay2021'; did you mean 'tay2020'"),
        ('description = "Mine"', "description = 3", "description must be a text; got 3"),
        ('description = "Mine"', 'kind = "walk"', "kind must be one of run, speed; got 'walk'"),
        ('description = "Mine"', 'description = "Mine', "mine.toml is not TOML"),
    ],
)
def test_a_mistake_says_where_and_what(old, new, said):
    assert old in MINE
    with pytest.raises(UsageError) as caught:
        mine(MINE.replace(old, new, 1))
    assert "mine.toml" in str(caught.value)
    assert said in str(caught.value)


def test_two_tables_for_one_model_and_none_for_tasks_are_mistakes():
    with pytest.raises(UsageError, match="gru has two tables"):
        mine(MINE + '\n[[task.model]]\nname = "gru"\n')
    with pytest.raises(UsageError, match="tcn is not among the models of this task; add it to models"):
        mine(MINE + '\n[[task.model]]\nname = "tcn"\n')
    with pytest.raises(UsageError, match="a suite needs tasks"):
        mine('description = "Empty"')


def test_runs_that_are_the_same_and_rows_that_are_called_the_same_are_refused():
    twice = '\n[[task]]\nname = "adding"\nsettings = { train_examples = 500, length = 20 }\n'
    with pytest.raises(UsageError, match="has the same run twice"):
        plan(mine(MINE + twice))
    other = '\n[[task]]\nname = "parity"\nlabel = "handwriting"\n'
    with pytest.raises(UsageError, match="calls two rows 'handwriting'; give one of them another label"):
        plan(mine(MINE + other))
    with pytest.raises(UsageError, match="no task of the suite named 'adding 21'; did you mean 'adding 20'"):
        plan(mine(), tasks="adding 21")
    with pytest.raises(UsageError, match="no model named 'gruu'"):
        plan(mine(), models=["gruu"])
    with pytest.raises(UsageError, match="seed 3 is there 2 times"):
        plan(mine(), seeds=[3, 3])


def test_suites_are_found_by_name_or_file(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(MINE)
    own = load_suite(file)
    assert (own.name, own.tasks) == ("own", mine().tasks)
    with pytest.raises(UsageError, match=r"no suite named 'smok'; did you mean 'smoke'\?; a suite of one's own"):
        load_suite("smok")
    with pytest.raises(UsageError, match=r"cannot read .*none.toml: No such file or directory; give a suite's file"):
        load_suite(tmp_path / "none.toml")


@pytest.mark.parametrize("name", names())
def test_every_suite_is_right(name):
    suite = load_suite(name)
    assert suite.description
    assert plan(suite)


def test_reading_suites_takes_no_tensorflow():
    code = (
        "import sys; from keraseq.benchmarking import suite, runs\n"
        "for name in suite.names(): runs.plan(suite.load_suite(name))\n"
        "print([name for name in ('tensorflow', 'keras', 'tensorflow_datasets') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "[]"
