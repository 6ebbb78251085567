"""Options of a search from a TOML file."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from keraseq.cli.options_file import load_options
from keraseq.errors import UsageError

FILE = """
models = ["rnn", "linear=2"]
trials = 3
halve-batch = true
match = { parameters = 1500 }
[training]
clip_norm = 0.5
[task]
batch_size = 16
[range]
dropout = "0:0.2"
learning_rate = [0.001, 0.002]
[fix]
"rnn/bidirectional" = false
[[queue]]
family = "rnn"
layers = 2
"""


def run(tmp_path, text, *arguments):
    """What the options of a command come to."""
    app, found = typer.Typer(), {}

    @app.command()
    def search(
        models: str = "gru",
        trials: int = 9,
        halve_batch: bool = False,
        match: str | None = None,
        sets: Annotated[list[str] | None, typer.Option("--set")] = None,
        ranges: Annotated[list[str] | None, typer.Option("--range")] = None,
        fix: list[str] | None = None,
        queue: list[str] | None = None,
        file: Annotated[Path | None, typer.Option(is_eager=True, callback=load_options)] = None,
    ) -> None:
        found.update(locals())

    path = tmp_path / "search.toml"
    path.write_text(text)
    result = CliRunner().invoke(app, ["--file", str(path), *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return found


def test_a_file_gives_options_settings_and_what_to_try_first(tmp_path):
    found = run(tmp_path, FILE)
    assert (found["models"], found["trials"], found["halve_batch"]) == ("rnn,linear=2", 3, True)
    assert found["match"] == "parameters=1500"
    assert sorted(found["sets"]) == ["task.batch_size=16", "training.clip_norm=0.5"]
    assert found["ranges"] == ["dropout=0:0.2", "learning_rate=0.001|0.002"]
    assert found["fix"] == ["rnn/bidirectional=false"]
    assert found["queue"] == ["family=rnn,layers=2"]


def test_the_command_line_stands_before_the_file(tmp_path):
    found = run(tmp_path, FILE, "--trials", "7", "--fix", "rnn/layers=1")
    assert (found["trials"], found["fix"], found["models"]) == (7, ["rnn/layers=1"], "rnn,linear=2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trails = 3", "no option named 'trails'; did you mean 'trials'"),
        ("trials = = 3", "search.toml is not TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        run(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none\.toml: No such file"):
        load_options(None, tmp_path / "none.toml")
