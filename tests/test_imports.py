"""Imports point down, and the dashboard's wing opens a study without the model's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from psm_viz.paths import ROOT

HEAVY = ("torch", "umap", "transformer_lens", "transformers", "peft", "numba")
DASHBOARD = ("study", "stats", "world", "tables", "claims", "charts", "ui")
"""What a study is opened, derived and shown with."""


def test_the_dashboards_wing_loads_no_model_library():
    code = f"""
import importlib, pkgutil, sys
for name in {DASHBOARD!r}:
    package = importlib.import_module(f"psm_viz.{{name}}")
    for module in pkgutil.walk_packages(package.__path__, f"psm_viz.{{name}}."):
        importlib.import_module(module.name)
import psm_viz.cli
print([m for m in {HEAVY!r} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def linted(folder: Path) -> subprocess.CompletedProcess:
    linter = Path(sys.executable).with_name("lint-imports")
    there = os.environ | {"PYTHONPATH": str(folder)}
    command = [str(linter), "--no-cache"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=there)


def test_imports_point_down():
    done = linted(ROOT)
    assert done.returncode == 0 and "3 kept, 0 broken" in done.stdout, done.stdout


def test_what_breaks_the_plan_fails_the_check(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = shutil.copytree(ROOT / "psm_viz", tmp_path / "psm_viz")
    up = package / "stats" / "checks.py"
    kept = up.read_text()
    up.write_text(f"{kept}\nfrom psm_viz.study import cast  # noqa\n")
    done = linted(tmp_path)
    assert done.returncode != 0 and "psm_viz.stats.checks -> psm_viz.study.cast" in done.stdout
    up.write_text(kept)
    (package / "attic").mkdir()
    (package / "attic" / "__init__.py").write_text('"""A package that nobody placed."""\n')
    done = linted(tmp_path)
    assert done.returncode != 0 and "attic" in done.stdout + done.stderr
