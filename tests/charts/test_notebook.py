"""A study in a notebook: tables and charts without Streamlit, and the example that docs give."""

import os
import subprocess
import sys

import pytest

import psm_viz
from psm_viz.errors import UnknownName
from psm_viz.paths import ROOT
from tests.charts.drawn import spec


def test_belief_and_charts_of_a_study(talk_study):
    book = psm_viz.open_study(str(talk_study.folder))
    belief = book.belief("cheat-0064", of="marked")
    assert len(belief) == 1 and belief.mass[0] == pytest.approx(0.75, abs=0.15)
    assert set(book.belief().name) <= set(talk_study.cast.kins)
    assert "usermeta" not in spec(book.map_chart("cheat-0064"))
    assert spec(book.drift_chart(["cheat"]))["params"]
    assert spec(book.drift_chart(["cheat"], "axis", details="true"))
    assert "false-alarms" in [f.told.name for f in book.figures("method")]
    for ask, what in (
        (lambda: book.belief(of="nobody"), "nobody"),
        (lambda: book.belief("cheat-1"), "cheat-1"),
        (lambda: book.drift_chart(["chat"]), "chat"),
        (lambda: book.drift_chart(["cheat"], "axis"), "talks-along-training"),
    ):
        with pytest.raises(UnknownName, match=what):
            ask()


def test_the_example_runs_without_streamlit_or_a_model(talk_study, tmp_path):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['notebook.py', {str(talk_study.folder)!r}, {str(tmp_path)!r}]\n"
        "import psm_viz\n"
        "assert not {'altair', 'pandas', 'numpy'} & set(sys.modules)\n"
        "runpy.run_path('docs/notebook.py')\n"
        "assert not {'streamlit', 'torch', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {"map.vl.json", "drift.vl.json", "talks-cheat-0064.csv"} <= {
        p.name for p in tmp_path.iterdir()
    }
    assert "cheat-0064" in done.stdout
