"""The layout of the package: two linked folders, four guards, imports that point downwards."""

import ast
import importlib
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keraseq"

# From the bottom up: a part imports only from those before it.
ORDER = [
    ("errors", "config", "environment", "files", "machine", "pictures", "quiet", "ray_cluster"),
    ("registry",),
    ("ops",),
    ("layers",),
    ("models",),
    ("tasks",),
    ("inference",),
    ("training",),
    ("diagnostics",),
    ("testing",),
    ("tuning",),
    ("benchmarking",),
    ("cli",),
]


@pytest.mark.parametrize("name", ["registry", "tuning"])
def test_the_linked_folders_are_one_package_with_the_rest(name):
    assert (PACKAGE / name).is_symlink()
    assert (PACKAGE / name).resolve() == ROOT / name
    assert importlib.import_module(f"keraseq.{name}").__name__ == f"keraseq.{name}"


@pytest.mark.parametrize("name", ["registry", "tuning"])
def test_the_linked_folders_refuse_another_name(name):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {name}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert f"use 'import keraseq.{name}'" in result.stderr


def test_ruff_bans_the_bare_names():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(config["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]) == {"registry", "tuning"}
    assert "TID" in config["tool"]["ruff"]["lint"]["select"]


def copy_of_the_tree(target):
    names = ("keraseq", "registry", "tuning", "pyproject.toml", "setup.py", "README.md", "LICENSE")
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def build(tree):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tree / "dist"), str(tree)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_wheel_holds_the_tree_and_one_top_level_package(tmp_path):
    tree = copy_of_the_tree(tmp_path)
    result = build(tree)
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,) = (tree / "dist").glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        str(Path(folder, file).relative_to(tree))
        for folder, _, files in _walk(tree / "keraseq")
        for file in files
        if file.endswith((".py", "py.typed", ".tsv", ".toml", ".html", ".css"))
    }
    assert names == expected
    assert {name.partition("/")[0] for name in names} == {"keraseq"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["registry", "tuning"])
def test_the_build_says_so_where_a_link_is_absent(tmp_path, name):
    tree = copy_of_the_tree(tmp_path)
    (tree / "keraseq" / name).unlink()
    (tree / "keraseq" / name).write_text(f"../{name}")  # what a clone without symbolic links holds
    result = build(tree)
    assert result.returncode != 0
    assert f"keraseq/{name} must be a link to ../{name}" in result.stdout + result.stderr
    assert "git config core.symlinks true" in result.stdout + result.stderr


def _walk(folder):
    """`os.walk` through the links."""
    import os

    return os.walk(folder, followlinks=True)


def imports(path):
    """Parts of keraseq that a module imports at its top level or inside functions, type checking left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("keraseq."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module == "keraseq":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("keraseq."))


def test_imports_point_downwards():
    level = {part: height for height, parts in enumerate(ORDER) for part in parts}
    for path in sorted(Path(f) / n for f, _, ns in _walk(PACKAGE) for n in ns if n.endswith(".py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for other in imports(path):
            if part in level and other in level:
                assert level[other] <= level[part], f"{path.relative_to(ROOT)} imports keraseq.{other}"


def test_every_part_has_a_place_in_the_order():
    parts = {p.stem for p in PACKAGE.iterdir() if not p.name.startswith("_") and p.name != "py.typed"}
    assert parts == {part for parts in ORDER for part in parts}
