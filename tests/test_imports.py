"""Opening a study must not load the machine room."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "umap", "transformer_lens", "transformers", "numba")


@pytest.mark.parametrize(
    "module",
    [
        *(
            "psm_viz.study.reader",
            "psm_viz.ui",
            "psm_viz.charts",
            "psm_viz.tables.results",
            "psm_viz.cli.answers",
        ),
        *(
            "psm_viz.cli",
            "psm_viz.tables.derive",
            "psm_viz.tables.compare",
            "psm_viz.tables.nulls",
            "psm_viz.tables.validation",
        ),
    ],
)
def test_no_model_library_is_imported(module):
    code = (
        f"import importlib, sys; importlib.import_module({module!r}); "
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_imports_point_down():
    import shutil
    from pathlib import Path

    linter = Path(sys.executable).with_name("lint-imports")
    assert linter.exists() or shutil.which("lint-imports")
    done = subprocess.run([str(linter), "--no-cache"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
