"""Plugins found by entry points: listed without import, broken ones isolated."""

import subprocess
import sys
import textwrap

import pytest

WORKING = """
from dataclasses import dataclass
from keraseq.registry import models

@models.register("wavy", tags={"plugin"})
@dataclass(frozen=True)
class Wavy:
    "A family from elsewhere."
"""


def install(folder, distribution, entries, modules):
    """A distribution as pip would leave it: metadata with entry points, and modules."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    groups = "".join(f"[keraseq.{kind}]\n{name} = {value}\n" for kind, name, value in entries)
    (info / "entry_points.txt").write_text(groups)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


def python(folder, code):
    """Runs code with the distributions of `folder` installed."""
    program = f"import sys; sys.path.insert(0, {str(folder)!r})\n" + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)


def test_a_plugin_is_listed_without_import_and_found_by_name(tmp_path):
    install(tmp_path, "wavylib", [("models", "wavy", "wavymod:Wavy")], {"wavymod": WORKING})
    code = """
        from keraseq.registry import models
        assert "wavy" in models.names() and "wavymod" not in sys.modules
        assert models.source("wavy") == "wavylib 1.0" and "wavymod" not in sys.modules
        assert models.describe("wavy").summary == "A family from elsewhere."
        assert models.names(tags={"plugin"}) == ["wavy"]
    """
    result = python(tmp_path, code)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("import no_such_library", "plugin model 'wavy' of wavylib 1.0 .* cannot be imported: ModuleNotFoundError"),
        ("class Wavy: pass", "did not register 'wavy'"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_broken_plugin_fails_only_when_asked_for(tmp_path, module, message):
    install(tmp_path, "wavylib", [("models", "wavy", "wavymod:Wavy")], {"wavymod": module})
    code = f"""
        import re, warnings
        from keraseq.registry import BrokenPluginError, models
        assert "wavy" in models.names()
        assert models.get("gru").__name__ == "GRU"
        try:
            models.get("wavy")
        except BrokenPluginError as error:
            assert re.search({message!r}, str(error)), error
        else:
            raise AssertionError("no error")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert "wavy" not in models.names(tags={{"recurrent"}})
        assert re.search({message!r}, str(caught[0].message))
    """
    result = python(tmp_path, code)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("owner", ["keraseq", "otherlib 1.0"])
def test_a_name_claimed_twice_names_both_owners(tmp_path, owner):
    name = "gru" if owner == "keraseq" else "wavy"
    install(tmp_path, "wavylib", [("models", name, "wavymod:Wavy")], {"wavymod": WORKING})
    if owner != "keraseq":
        install(tmp_path, "otherlib", [("models", name, "othermod:Wavy")], {"othermod": WORKING})
    code = f"""
        from keraseq.registry import DuplicateNameError, models
        assert {name!r} in models.names()
        try:
            models.get({name!r})
        except DuplicateNameError as error:
            assert {owner!r} in str(error) and "wavylib 1.0" in str(error), error
        else:
            raise AssertionError("no error")
    """
    result = python(tmp_path, code)
    assert result.returncode == 0, result.stderr
