"""Refuses to build where the links of the source tree are absent; everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup

for name in ("registry", "tuning"):
    if not (Path(__file__).parent / "keraseq" / name / "__init__.py").is_file():
        raise SystemExit(
            f"keraseq/{name} must be a link to ../{name}, but this source tree has none (a clone without symbolic "
            f"links?). Remedy: git config core.symlinks true && git checkout -- keraseq/{name}"
        )

setup()
