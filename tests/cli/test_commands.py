"""The commands, as a user types them."""

import json
import subprocess
import sys
import time

import pytest


@pytest.fixture
def succeeds(keraseq):
    """What a command prints."""

    def run(*arguments, **options):
        code, out, err = keraseq(*arguments, **options)
        assert code == 0, err
        return out

    return run


@pytest.fixture
def fails(keraseq):
    """What a command that fails says."""

    def run(expected, *arguments):
        code, out, err = keraseq(*arguments)
        assert code == expected, (code, out, err)
        assert len(err.strip().splitlines()) <= 2 or "Usage:" in err, err
        return err

    return run


@pytest.mark.parametrize(
    "command",
    [
        *(
            [],
            ["list"],
            ["describe"],
            ["check"],
            ["data"],
            ["data", "prepare"],
            ["data", "show"],
            ["data", "speed"],
            ["train"],
            ["inspect"],
        ),
        *(["search"], ["bench"], ["reproduce"], ["leaderboard"], ["predict"]),
    ],
)
def test_every_command_has_help(succeeds, command):
    assert "Usage:" in succeeds(*command, "--help")


def test_list_and_describe(succeeds):
    listed = json.loads(succeeds("list", "--json"))
    assert set(listed) == {"layers", "models", "tasks", "algorithms", "strategies"}
    assert "tcn" in [row["name"] for row in listed["models"]]
    assert "transformer" in succeeds("list", "models")
    assert [row["name"] for row in json.loads(succeeds("list", "models", "--match", "*rnn*", "--json"))["models"]] == [
        "rnn"
    ]
    tagged = json.loads(succeeds("list", "models", "--tag", "recurrent", "--json"))["models"]
    assert {row["name"] for row in tagged} >= {"rnn", "lstm", "gru"}
    (described,) = json.loads(succeeds("describe", "tcn", "--json"))
    assert described["reference"] == "arXiv:1803.01271"
    assert {"name", "type", "default", "range", "meaning"} == set(described["settings"][0])
    both = json.loads(succeeds("describe", "gru", "--json"))
    assert [d["kind"] for d in both] == ["layer", "model"]
    assert "imdb_reviews" in succeeds("data", "list")


def test_what_is_in_a_task(succeeds, fails, data_dir, digits):
    told = succeeds("describe", "copy_memory")
    assert "keraseq data prepare copy_memory" in told
    assert "cross_entropy" in told
    assert "3.5e-05" in told
    (described,) = json.loads(succeeds("describe", "digits", "--json"))
    assert described["data"] == json.loads(json.dumps(digits.summary()))
    (described,) = json.loads(succeeds("describe", "mnist", "--json"))
    assert described["data"] is None
    assert described["baselines"][-1] == {
        "name": "tcn",
        "metric": "accuracy",
        "value": 0.972,
        "source": "Bai et al. 2018, arXiv:1803.01271, table 1",
        "setting": "order=permuted, 70 K parameters",
    }
    settings = ["--set", "task.length=5", "--set", "task.train_examples=40", "--set", "task.test_examples=4"]
    shown = json.loads(succeeds("data", "show", "copy_memory", "-n", "2", "--json", *settings, "--data-dir", data_dir))
    assert len(shown) == 2
    assert len(shown[0]["input"]) == len(shown[0]["target"]) == 25
    assert set(shown[0]["target"][:15]) == {"blank"}
    assert [int(label) for label in shown[0]["target"][15:]] == shown[0]["input"][:10]
    table = succeeds("data", "show", "digits", "--split", "test", "--data-dir", data_dir)
    assert "asked for: classification" in table
    speed = ("data", "speed", "digits", "--model", "linear", "--steps", "3", "--data-dir", data_dir)
    assert 0 < json.loads(succeeds(*speed, "--json"))["digits"]["waiting"] < 1
    message = fails(2, "data", "show", "digits", "--split", "tset", "--data-dir", data_dir)
    assert "no split named 'tset'; did you mean 'test'" in message


def test_sigterm_exits_with_its_own_code_and_resume_goes_on(tmp_path, data_dir, digits):
    command = ("train", "rnn", "digits", "--epochs", "15", "--set", "training.patience=null", "--data-dir", data_dir)
    command = (sys.executable, "-m", "keraseq", *command, "-d", tmp_path, "--json")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    history = tmp_path / "history.jsonl"
    while process.poll() is None and not (history.exists() and history.read_text()):
        time.sleep(0.05)
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 75, errors
    assert f"stopped by SIGTERM; go on with --resume --directory {tmp_path}" in errors
    before = history.read_text().splitlines()
    result = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["epochs"] == 15
    assert history.read_text().splitlines()[: len(before)] == before


def test_train_saves_a_model_that_predicts(succeeds, tmp_path, data_dir, digits):
    options = ("--epochs", "4", "--set", "task.batch_size=16", "--set", "training.learning_rate=0.01", "--seed", "0")
    where = ("--data-dir", data_dir, "-d", tmp_path / "model")
    result = json.loads(succeeds("train", "tcn", "digits", "--parameters", "8000", *options, *where, "--json"))
    assert abs(result["parameters"] - 8000) <= 400
    assert result["test"]["accuracy"] > 0.7
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert card["task"]["settings"]["batch_size"] == 16
    assert card["training"]["learning_rate"] == 0.01
    assert card["test"] == result["test"]
    raw = digits.raw("test", 30)
    lines = "\n".join(json.dumps(image.tolist()) for image, _ in raw)
    answers = json.loads(succeeds("predict", tmp_path / "model", "--json", stdin=lines))
    assert sum(answer["label"] == str(label) for answer, (_, label) in zip(answers, raw, strict=True)) > 18
    assert "accuracy" in (tmp_path / "model" / "history.jsonl").read_text()


def test_a_batch_that_fits_is_found_once(succeeds, fails, tmp_path, data_dir, digits):
    options = ["--fit-memory", "--epochs", 1, "--data-dir", data_dir, "--directory", tmp_path, "--json"]
    succeeds("train", "linear", "digits", *options)
    found = tmp_path / "batch.json"
    assert json.loads(found.read_text()) == {"batch_size": 32, "accumulate": 1}
    found.write_text('{"batch_size": 16, "accumulate": 2}')
    error = fails(2, "train", "linear", "digits", *options, "--resume")
    assert "task.batch_size was 32 and is 16; training.accumulate was 1 and is 2" in error


def test_search_prints_a_leaderboard_and_goes_on(succeeds, tmp_path, data_dir):
    command = ("search", "digits", "-m", "linear,rnn", "--trials", "2", "--epochs", "1", "--seeds", "0")
    command += ("--match", "parameters=1500")
    where = ("--data-dir", data_dir, "-d", tmp_path / "study")
    shown = succeeds(*command, *where)
    assert "trial 0  linear" in shown
    assert "padding: 0.0% of all time steps fed" in shown
    assert f"saved in {tmp_path}" in shown
    again = json.loads(succeeds(*command, *where, "--json"))
    assert [row["trials"] for row in again["leaderboard"]] == [1, 1]
    assert all(0 <= row["test"]["mean"] <= 1 for row in again["leaderboard"])
    assert json.loads(succeeds("leaderboard", tmp_path / "study", "--json"))["leaderboard"] == again["leaderboard"]
    assert "★" in succeeds("leaderboard", tmp_path / "study")


def test_a_search_without_a_winner_and_a_diverged_run_fail(fails, keraseq, tmp_path, data_dir):
    where = ("--data-dir", data_dir, "-d", tmp_path / "it", "--epochs", "1")
    code, shown, _ = keraseq("search", "digits", "-m", "linear", "--trials", "1", "--max-parameters", "1", *where)
    assert (code, "too large" in shown) == (1, True)
    wild = ("--set", "training.learning_rate=1e30", "--set", "training.clip_norm=null")
    assert "training diverged before an epoch ended well" in fails(1, "train", "rnn", "digits", *wild, *where)


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, ["train", "lstn"], "no model named 'lstn'; did you mean 'lstm'"),
        (2, ["train", "gru", "--set", "model.unit=4"], "no setting named 'unit'; did you mean 'units'"),
        (2, ["train", "gru", "--set", "model.units=many"], "units must be int"),
        (2, ["train", "gru", "--set", "model.units=0"], "units must be at least 1; got 0"),
        (2, ["train", "gru", "--set", "units=4"], "--set takes group.name=value"),
        (2, ["train", "gru", "--set", "net.units=4"], "no group of settings named 'net'"),
        (
            2,
            ["train", "gru", "--set", "training.decay=linear"],
            "decay must be one of none, cosine, inverse_sqrt, one_cycle, plateau; got 'linear'",
        ),
        (2, ["train", "gru", "--precision", "float8"], "precision must be one of"),
        (2, ["train", "gru", "adding", "--set", "task.length=1"], "length must be at least 2"),
        (2, ["train", "gru", "digts"], "no task named 'digts'; did you mean 'digits'"),
        (2, ["data", "prepare", "digits", "--manual-dir", "nowhere"], "nowhere, does not exist. Remedy: make it"),
        (2, ["search", "digits", "--models", "gru,tnc"], "did you mean 'tcn'"),
        (2, ["search", "digits", "--time", "soon"], "a duration is a number above 0 with s, m, h or d"),
        (2, ["search", "digits", "--trials", "0"], "--trials"),
        (2, ["describe", "gruu"], "no component named 'gruu'; did you mean 'gru'"),
        (2, ["list", "model"], "no kind named 'model'; did you mean 'models'"),
        (2, ["frobnicate"], "No such command"),
        (1, ["leaderboard", "nowhere"], "no study in nowhere"),
        (1, ["predict", "nowhere", "text"], "no model in nowhere"),
        (1, ["train", "gru", "-d", "file/below"], "cannot write to file/below"),
        (1, ["search", "digits", "-d", "file/below"], "cannot write to file/below"),
    ],
)
def test_mistakes_get_one_line_and_an_exit_code(fails, monkeypatch, tmp_path, data_dir, code, arguments, message):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", data_dir)
    assert message in fails(code, *arguments)


def test_a_process_of_its_own_says_no_more_than_that(data_dir):
    command = [sys.executable, "-m", "keraseq", "train", "gru", "digts", "--data-dir", data_dir]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("keraseq: no task named 'digts'; did you mean 'digits'")


def test_inspect_fresh_and_trained_models(succeeds, tmp_path, data_dir):
    succeeds("train", "gru", "digits", "--epochs", 1, "--data-dir", data_dir, "--directory", tmp_path / "trained")
    names = f"tcn,{tmp_path / 'trained'}"
    found = json.loads(succeeds("inspect", names, "digits", "--data-dir", data_dir, "--json"))
    assert sorted(found) == sorted(names.split(","))
    assert len(found["tcn"]["norms"]) == 64
    shown = succeeds("inspect", "gru", "digits", "--what", "gates", "--data-dir", data_dir)
    assert "layer_0" in shown
    assert "64 × 64" in shown


def test_inspect_refuses_what_it_cannot_show(fails, data_dir):
    assert "did you mean 'gates'" in fails(2, "inspect", "gru", "digits", "--what", "gate", "--data-dir", data_dir)
    assert "takes one model" in fails(2, "inspect", "gru,lstm", "digits", "--what", "gates", "--data-dir", data_dir)
    assert "no layer with attention weights" in fails(
        2, "inspect", "gru", "digits", "--what", "attention", "--data-dir", data_dir
    )
    assert "at most 31" in fails(2, "inspect", "gru", "digits", "--what", "gates", "--row", 99, "--data-dir", data_dir)
