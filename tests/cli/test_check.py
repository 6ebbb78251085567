"""`keraseq check`."""

import json
import os
import subprocess
import sys

import pytest


def check(*arguments, **environment):
    command = [sys.executable, "-m", "keraseq", "check", *arguments]
    environment = {**os.environ, "COLUMNS": "120", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def test_the_table_and_the_totals(tmp_path):
    result = check("pooling", "attach_mask", "sinusoidal_positions", "imdb", "table", "--data-dir", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "layers sinusoidal_positions" in result.stdout
    assert "layers pooling: " in result.stderr, "told as soon as it is known"
    assert "layers attach_mask: it is registered without cases" in result.stdout
    assert f"tasks imdb_reviews: its data are not prepared in {tmp_path}" in result.stdout
    assert "tasks table: it is registered without cases" in result.stdout
    assert "checks of 2 components" in result.stdout
    assert "0 failed, 0 failed as expected" in result.stdout
    assert "stepping differs from calling by at most" in result.stdout


@pytest.mark.skipif(not __import__("importlib.util").util.find_spec("jax"), reason="JAX is not installed")
def test_json_on_jax():
    result = check("conv1d", "--layers", "--json", KERAS_BACKEND="jax")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["backend"] == "jax"
    (report,) = told["reports"]
    assert (report["name"], report["failed"], report["expected"]) == ("conv1d", 0, 0)
    assert report["ran"] == report["passed"] == len([r for r in report["results"] if r["status"] == "passed"])
    assert report["stepping"] <= 1e-5


def test_a_failure_is_told_and_the_exit_code_is_1(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import keraseq.registry.registry as r\n"
        "kept = r.Entry.__init__\n"
        "def init(self, name, *rest):\n"
        "    kept(self, name, *rest)\n"
        "    if name == 'pooling':\n"
        "        object.__setattr__(self, 'tags', frozenset({'poling'}))\n"
        "r.Entry.__init__ = init\n"
    )
    result = check("pooling", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert "layers pooling: check_registration: no tag named 'poling'; did you mean 'pooling'?" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give names to check, or kinds of which all are checked, such as --tasks, or --all alone"),
        (("conv1d", "--all"), "give names to check"),
        (("--tasks", "--all"), "give names to check"),
        (("conv1",), "no component named 'conv1'; did you mean 'conv1d'"),
        (("tcn", "--tasks", "--layers"), "no component named 'tcn'"),
    ],
)
def test_mistakes(arguments, message):
    result = check(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
