"""Studies on the command line: looking at them, taking them out, training their trials again."""

import csv
import importlib.util
import json
from pathlib import Path

import pytest

from keraseq.tasks import load_task
from keraseq.tuning.results import plots
from keraseq.tuning.study import locked


@pytest.fixture(scope="module")
def synthetic():
    path = Path(__file__).parents[1] / "tuning" / "synthetic.py"
    where = importlib.util.spec_from_file_location("synthetic", path)
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def studies(synthetic, data_dir, tmp_path_factory):
    """A folder with a study of 30 trials of which nothing was trained, and a damaged one."""
    folder = tmp_path_factory.mktemp("studies")
    synthetic.written(folder / "deep" / "thirty", load_task("digits", data_dir=data_dir), synthetic.thirty())
    (folder / "broken").mkdir()
    (folder / "broken" / "study.json").write_text("{")
    return folder


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def told(keraseq):
    """What a command prints with `--json`."""

    def run(*arguments):
        code, out, err = keraseq(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return run


@pytest.mark.parametrize("command", [[], ["list"], ["show"], ["trial"], ["export"], ["plot"]])
def test_every_command_has_help(keraseq, command):
    code, out, _ = keraseq("study", *command, "--help")
    assert (code, "Usage:" in out) == (0, True)


def test_list(keraseq, told, studies, tmp_path):
    broken, thirty = told("study", "list", studies)
    assert "not readable as JSON" in broken["problem"]
    assert (thirty["families"], thirty["ended"], thirty["failed"], thirty["held_by"]) == (
        ["rnn", "linear"],
        30,
        4,
        None,
    )
    with locked(Path(thirty["path"])):
        _, out, _ = keraseq("study", "list", studies)
    assert "rnn linear" in out
    assert "process" in out
    assert "damaged" in out
    assert told("study", "list", tmp_path) == []
    assert "keraseq search makes one" in keraseq("study", "list", tmp_path)[1]


def test_show(keraseq, told, studies):
    study = studies / "deep" / "thirty"
    shown = told("study", "show", study)
    assert [row["family"] for row in shown["leaderboard"]] == ["rnn", "linear"]
    assert shown["objectives"] == ["score", "parameters"]
    assert shown["front"][0]["score"] == shown["leaderboard"][0]["validation"]["mean"]
    assert next(iter(shown["importance"][0]["shares"])) == "rnn/units"
    assert shown["failures"][0]["trials"] == ["0006", "0013", "0020", "0027"]
    code, out, _ = keraseq("study", "show", study)
    assert code == 0
    for text in ("random", "★ rnn", "Pareto front", "all of its trials scored 0.1", "ValueError: of trial 6", "units "):
        assert text in out
    assert f"optuna-dashboard sqlite:///{study}/study.db" in out


def test_trial(keraseq, told, studies):
    study = studies / "deep" / "thirty"
    (study / "trials" / "0006").mkdir(parents=True, exist_ok=True)
    (study / "trials" / "0006" / "traceback.txt").write_text("Traceback: [here]")
    one = told("study", "trial", study, "6")
    assert (one["outcome"], one["message"], one["traceback"]) == (
        "failed",
        "ValueError: of trial 6",
        "Traceback: [here]",
    )
    code, out, _ = keraseq("study", "trial", study, "0006")
    assert code == 0
    for text in ("failed", "ValueError: of trial 6", "Traceback: [here]", "model.units=", "training.learning_rate="):
        assert text in out


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
def test_export(told, studies, tmp_path, suffix):
    file = tmp_path / f"trials.{suffix}"
    assert told("study", "export", studies / "deep" / "thirty", "--out", file)["rows"] == 30
    text = file.read_text()
    rows = {
        "csv": lambda: list(csv.DictReader(text.splitlines())),
        "json": lambda: json.loads(text),
        "jsonl": lambda: [json.loads(line) for line in text.splitlines()],
    }[suffix]()
    assert [str(row["index"]) for row in rows] == [str(i) for i in range(30)]
    assert float(rows[0]["params.rnn/units"]) == 8


def test_plot(keraseq, studies, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need keraseq[plot]")
    file = tmp_path / "front.png"
    code, out, _ = keraseq("study", "plot", studies / "deep" / "thirty", "--what", "pareto", "--out", file)
    assert (code, str(file) in out) == (0, True)
    assert file.read_bytes().startswith(b"\x89PNG")
    _, out, _ = keraseq("study", "plot", "--help")
    assert all(what in out for what in plots.PLOTS)


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (1, ["study", "list", "nowhere"], "no folder nowhere; give one that holds studies"),
        (1, ["study", "show", "nowhere"], "no study in nowhere"),
        (2, ["study", "trial", "THIRTY", "99"], "they go from 0 to 29"),
        (2, ["study", "trial", "THIRTY", "7-2"], "no trial 0007-2 in"),
        (2, ["study", "trial", "THIRTY", "best"], "a trial is an index such as 7, or 7-2"),
        (2, ["study", "export", "THIRTY", "-o", "trials.xlsx"], "exported to .csv, .json, .jsonl; got 'trials.xlsx'"),
        (2, ["study", "plot", "THIRTY", "--what", "paretto"], "did you mean 'pareto'"),
        (2, ["study", "plot", "THIRTY", "-o", "it.gif"], "written to .png, .svg, .pdf; got 'it.gif'"),
        (2, ["train"], "train takes a model, as in keraseq train gru digits, or --from STUDY/7; got neither"),
        (2, ["train", "gru", "--from", "THIRTY/7"], "got gru besides: leave it out"),
        (2, ["train", "--from", "THIRTY/7", "--parameters", "100"], "--from says the size itself"),
        (2, ["train", "--from", "THIRTY/99"], "they go from 0 to 29"),
        (1, ["train", "--from", "nowhere/7"], "no study in nowhere: a trial is STUDY/7"),
        (1, ["train", "--from", "THIRTY/7"], "job.json is missing"),
    ],
)
def test_mistakes_get_one_line_and_an_exit_code(keraseq, studies, tmp_path, monkeypatch, code, arguments, message):
    monkeypatch.chdir(tmp_path)
    given = [argument.replace("THIRTY", str(studies / "deep" / "thirty")) for argument in arguments]
    found, _, err = keraseq(*given)
    assert (found, len(err.strip().splitlines())) == (code, 1), err
    assert message in err


def test_a_trial_is_trained_again_as_it_was_and_with_changes(told, keraseq, data_dir, tmp_path):
    study, own = tmp_path / "study", ("--data-dir", data_dir)
    options = ("--epochs", 1, "--seeds", 0, "--match", "parameters=1500", "--seed", 3, "--set", "task.batch_size=16")
    told("search", "digits", "-m", "rnn,linear", "--trials", 3, *options, "--tensorboard", "-d", study, *own)
    was = told("study", "trial", study, "2")
    assert was["outcome"] == "completed"
    again = told("train", "--from", study / "2", "-d", tmp_path / "again", "--tensorboard")
    assert again["validation"]["accuracy"] == pytest.approx(was["score"], abs=1e-6)
    assert again["from"] == {"folder": str(study / "trials" / "0002"), "accuracy": was["score"]}
    places = (tmp_path / "again", Path(was["folder"]))
    card, before = (json.loads((place / "card.json").read_text()) for place in places)
    for same in ("task", "model", "training", "seed", "parameters"):
        assert card[same] == before[same], same
    assert (card["seed"], card["task"]["settings"]["batch_size"]) == (3, 16)
    lines = [json.loads((place / "history.jsonl").read_text()) for place in places]
    assert lines[0] == pytest.approx(lines[1], abs=1e-6)
    for place in places:
        assert list(place.glob("tensorboard/validation/events*"))
    changes = ("--set", "task.batch_size=32", "--set", "model.dropout=0.25", "--epochs", 2, "--seed", 5)
    other = told("train", "--from", study, *changes, "-d", tmp_path / "other")
    card = json.loads((tmp_path / "other" / "card.json").read_text())
    assert (card["seed"], card["training"]["epochs"], other["epochs"]) == (5, 2, 2)
    assert (card["task"]["settings"]["batch_size"], card["model"]["config"]["dropout"]) == (32, 0.25)
    code, _, err = keraseq("train", "--from", study / "2", "-d", study / "trials" / "0002")
    assert (code, "is the trial's own; choose another directory" in err) == (2, True)
