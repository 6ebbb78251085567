"""Reports and comparisons on the command line."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keraseq.benchmarking.records import NAME
from keraseq.cli.app import main

for library in ("jinja2", "matplotlib", "scikit_posthocs"):
    pytest.importorskip(library, reason="reports need keraseq[report]")


@pytest.fixture(scope="module")
def made():
    path = Path(__file__).parents[1] / "benchmarking" / "made.py"
    where = importlib.util.spec_from_file_location("made", path)
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


@pytest.fixture
def folders(made, tmp_path):
    """Two benchmarks, of which the second did worse with other settings."""
    first = [made.run("mnist", {}, family, seed) for family in ("gru", "rnn") for seed in range(3)]
    second = [
        dataclasses.replace(r, test={"accuracy": r.score - 0.1 - 0.001 * r.seed}, config={**r.config, "units": 8})
        for r in first[:3]
    ]
    return made.write(tmp_path / "first", first), made.write(tmp_path / "second", second)


@pytest.fixture
def keraseq(monkeypatch, capsys, tmp_path):
    """A command as a user types it, in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["keraseq", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            main()
        out, err = capsys.readouterr()
        return exit.value.code or 0, out, err

    return run


@pytest.mark.parametrize(
    ("options", "name", "begins"),
    [
        ((), "report.html", "<!doctype html>"),
        (("--format", "markdown"), "report.md", "# keraseq: made"),
        (("--format", "csv"), "report.csv", "from,kind,id"),
        (("-o", "deep/it.md", "--title", "Ours"), "deep/it.md", "# Ours"),
        (("-o", "it.txt", "--format", "csv"), "it.txt", "from,kind,id"),
    ],
)
def test_report_writes_one_file(keraseq, folders, options, name, begins):
    code, out, err = keraseq("report", *folders, *options)
    assert (code, err) == (0, "")
    assert f"6 runs → {name}" in out  # those of the second have the ids of the first
    assert Path(name).read_text().lstrip().startswith(begins)


def test_report_as_json_and_with_scalars(keraseq, folders):
    code, out, _ = keraseq("report", folders[0], "--tensorboard", "logs", "--json")
    told = json.loads(out)
    assert (code, told["runs"], told["out"], told["problems"]) == (0, 6, "report.html", [])
    assert told["sections"][:2] == ["Who wins where", "Leaderboard"]
    assert len(list(Path("logs").glob("*/events*"))) == 6


def test_a_damaged_line_is_told_of(keraseq, folders):
    file = folders[0] / NAME
    file.write_text(file.read_text().replace('"seed": 1', '"seed": 7', 1))
    code, out, _ = keraseq("report", folders[0], "-o", "it.md")
    assert (code, "5 runs → it.md" in out) == (0, True)
    assert "checksum" in out
    assert "checksum" in Path("it.md").read_text()


def test_compare(keraseq, folders):
    # In a process of its own, for the table is only whole where no other test has left a live display on the console.
    command = [sys.executable, "-m", "keraseq", "compare", *map(str, folders)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "COLUMNS": "200"})
    assert ended.returncode == 0, ended.stderr
    out = ended.stdout
    for text in (
        "mnist",
        "gru",
        "-0.101",
        "3 pairs",
        "worse",
        "config.units 64 → 8",
        f"only in {folders[0]}: mnist, rnn",
    ):
        assert text in out
    told = json.loads(keraseq("compare", *folders, "--json")[1])
    assert (told["pairs"][0]["verdict"], told["only_first"], told["only_second"]) == ("worse", [["mnist", "rnn"]], [])
    assert told["pairs"][0]["difference"]["mean"] == pytest.approx(-0.101)


def test_what_has_nothing_in_common(keraseq, folders, made, tmp_path):
    other = made.write(tmp_path / "other", [made.run("mqar", {}, "gru", 0)])
    code, out, _ = keraseq("compare", folders[0], other)
    assert (code, "nothing is in both" in out) == (0, True)


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (1, ["report", "nowhere"], "no records at nowhere; give the folder of a benchmark"),
        (2, ["report", "FIRST", "-o", "it.pdf"], "written to .html, .md, .csv; got 'it.pdf'"),
        (2, ["report", "FIRST", "--format", "htm"], "did you mean 'html'"),
        (1, ["compare", "FIRST", "nowhere"], "no records at nowhere"),
        (1, ["report", "FIRST", "--tensorboard", "FIRST"], "holds something already"),
    ],
)
def test_mistakes_get_one_line_and_an_exit_code(keraseq, folders, code, arguments, message):
    found, _, err = keraseq(*(str(folders[0]) if one == "FIRST" else one for one in arguments))
    assert (found, len(err.strip().splitlines())) == (code, 1), err
    assert message in err
