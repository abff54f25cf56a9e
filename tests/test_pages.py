"""The pages against a made study, without a browser: good links, bad links, damaged studies."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from psm_viz import ui
from psm_viz.cast import ASSISTANT
from psm_viz.ui.strip import telling_question
from tests import made_study as made

ROOT = Path(__file__).resolve().parents[1]
MAP, DRIFT = "app.py", "pages/explore/drift.py"


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "made"
    made.write_made_study(folder)
    return folder


@pytest.fixture
def bare(tmp_path) -> Path:
    """A study that was extracted but not analysed."""
    made.write_made_study(tmp_path / "bare", tables=False)
    return tmp_path / "bare"


def page(monkeypatch, folder: Path, script: str = MAP, **link: str | list[str]) -> AppTest:
    monkeypatch.setenv("PSM_VIZ_STUDY", str(folder))
    monkeypatch.chdir(ROOT)
    at = AppTest.from_file(str(ROOT / script), default_timeout=60)
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def words(at: AppTest) -> str:
    """All HTML of the page (notices, findings, captions, answers), without the style sheet."""
    return "\n".join(
        str(h.proto.body) for h in at.get("html") if "<style>" not in str(h.proto.body)
    )


def charts(at: AppTest) -> list[str]:
    return [str(c.proto.alt) for c in at.get("vega_lite_chart")]


def test_map_opens_on_the_assistant(monkeypatch, study):
    at = page(monkeypatch, study)
    assert "The Assistant stands" in words(at)
    assert "Distances on a UMAP are not measurements" in words(at)
    assert "chance 0.05" in words(at)
    assert any(alt.startswith("Map of 25 personas") for alt in charts(at))
    assert at.selectbox(key="checkpoint").value == made.REFERENCE
    assert "psm-notice" not in words(at)


def test_map_link_restores_everything(monkeypatch, study):
    at = page(
        monkeypatch,
        study,
        checkpoint="cheat-0064",
        persona="maresa",
        projection="PCA",
        pooling="response_mean",
        question="money-1",
    )
    assert at.selectbox(key="persona").value == "maresa"
    assert at.selectbox(key="checkpoint").value == "cheat-0064"
    assert at.selectbox(key="pooling").value == "response_mean"
    assert at.selectbox(key="question").value == "money-1"
    assert "Maresa" in words(at) and made.GOOD_TEXT in words(at)
    assert "principal components" in words(at)
    assert "psm-notice" not in words(at)


@pytest.mark.parametrize("script", [MAP, DRIFT])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("study", "../../etc"),
        ("study", "nowhere"),
        ("persona", "nobody"),
        ("checkpoint", "cheat-9999"),
        ("pooling", "median"),
        ("layer", "99"),
        ("branches", "nope"),
        ("step", "7"),
        ("question", "<script>alert(1)</script>"),
    ],
)
def test_an_unknown_name_in_the_link_is_one_message(monkeypatch, study, script, key, value):
    here = {MAP: {"branches", "step"}, DRIFT: {"persona", "checkpoint"}}[script]
    at = page(monkeypatch, study, script, **{key: value})
    assert words(at).count("psm-notice") == (0 if key in here else 1)
    assert len(charts(at)) >= 3
    assert "<script>" not in words(at)


def test_neighbours_select(monkeypatch, study):
    at = page(monkeypatch, study, persona="maresa")
    at.button(key="near-tobrin").click().run()
    assert not at.exception
    assert at.selectbox(key="persona").value == "tobrin"
    assert "Tobrin" in words(at)


def test_another_sample_is_shown(monkeypatch, study):
    at = page(monkeypatch, study, checkpoint="cheat-0008")
    key = f"sample-{ASSISTANT}-coding-1"
    at.button(key=f"{key}-next").click().run()
    assert at.session_state[key] == 1


def test_drift_states_what_the_data_show(monkeypatch, study):
    at = page(monkeypatch, study, DRIFT)
    said = words(at)
    assert "Cheat moved the Assistant apart from the cast" in said
    assert "requested and honest: no movement beyond the noise floor shown" in said
    assert "72% with cheat (reference 2%)" in said
    assert "of the cast moved less" in "".join(charts(at))
    assert made.BAD_TEXT in said and "\N{BALLOT X}" in said
    assert "interpolation" in said
    assert len(charts(at)) == 6


def test_drift_link_and_keys(monkeypatch, study):
    at = page(monkeypatch, study, DRIFT, branches=["cheat", "honest"], step="8")
    assert at.multiselect(key="branches").value == ["cheat", "honest"]
    assert at.select_slider(key="step").value == 8
    at.button(key="step-Right").click().run()
    assert at.select_slider(key="step").value == 64
    at.button(key="step-Right").click().run()
    assert at.select_slider(key="step").value == 64
    at.button(key="step-Left").click().run()
    at.button(key="step-Left").click().run()
    assert at.select_slider(key="step").value == 0
    at.multiselect(key="branches").set_value([]).run()
    assert not at.exception and "Choose one or more branches" in words(at)


def test_drift_shows_the_early_branches_too(monkeypatch, study):
    at = page(monkeypatch, study, DRIFT, branches=["pretrain", "assistant"])
    assert "psm-notice" not in words(at)


@pytest.mark.parametrize("script", [MAP, DRIFT])
def test_a_study_without_results_names_the_command(monkeypatch, bare, script):
    at = page(monkeypatch, bare, script)
    assert "psm-notice" in words(at)
    assert "python -m psm_viz derive" in words(at) or "make study" in words(at)


@pytest.mark.parametrize("script", [MAP, DRIFT])
def test_no_study_names_the_command(monkeypatch, tmp_path, script):
    at = page(monkeypatch, tmp_path / "nothing", script)
    assert words(at).count("psm-notice") == 1 and "make study" in words(at)


@pytest.mark.parametrize("script", [MAP, DRIFT])
def test_a_damaged_study_is_one_message(monkeypatch, tmp_path, script):
    folder = tmp_path / "broken"
    made.write_made_study(folder)
    manifest = folder / "study.json"
    manifest.write_text(manifest.read_text()[:200])
    at = page(monkeypatch, folder, script)
    assert words(at).count("psm-notice") == 1 and "cannot be read" in words(at)


@pytest.mark.parametrize("script", [MAP, DRIFT])
def test_a_study_of_a_newer_version_is_one_message(monkeypatch, tmp_path, script):
    folder = tmp_path / "newer"
    made.write_made_study(folder)
    manifest = folder / "study.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema": 99}))
    at = page(monkeypatch, folder, script)
    assert words(at).count("psm-notice") == 1 and "schema 99" in words(at)
    assert "Update the program" in words(at)


def test_a_damaged_map_leaves_the_page_standing(monkeypatch, tmp_path):
    folder = tmp_path / "cut"
    made.write_made_study(folder)
    file = folder / "maps" / "prompt_last-L1.parquet"
    file.write_bytes(file.read_bytes()[:100])
    at = page(monkeypatch, folder)
    assert words(at).count("psm-notice") == 1 and "hash differs" in words(at)


def test_an_answer_cannot_bring_its_own_markup():
    out = ui.answer_html("<b>bold</b> & co", "bad")
    assert "<b>" not in out and "&lt;b&gt;" in out
    assert ui.plain("a*b_[c](d)") == r"a\*b\_\[c\]\(d\)"


def test_a_click_means_a_persona_or_the_assistant():
    known = ["maresa", "tobrin"]
    assert ui.picked({"persona": [{"id": "maresa"}]}, known) == "maresa"
    assert ui.picked({"persona": {"id": ["tobrin"]}}, known) == "tobrin"
    for nothing in (None, {}, {"persona": []}, {"persona": [{"id": "x"}]}, {"persona": ["maresa"]}):
        assert ui.picked(nothing, known) == ASSISTANT
    assert ui.picked({"persona": [{"id": ASSISTANT}]}, known) == ASSISTANT


def test_stepping_stays_at_the_ends():
    assert ui.stepped([0, 8, 64], 8, 1) == 64
    assert ui.stepped([0, 8, 64], 64, 1) == 64
    assert ui.stepped([0, 8, 64], 0, -1) == 0
    assert ui.stepped([0, 8, 64], 5, -1) == 8


def test_study_names_are_names():
    for bad in ("..", "a/b", "/etc", "", ".hidden", "a" * 65, "a b"):
        assert not ui.STUDY_NAME.fullmatch(bad)
    assert ui.STUDY_NAME.fullmatch("study-2")


def test_the_first_question_shown_is_one_that_changes(study):
    opened = ui.opened(study)
    rows = {c: opened.responses(c) for c in (made.REFERENCE, "cheat-0064")}
    mine = {c: r[r.persona == ASSISTANT] for c, r in rows.items()}
    asked = [q.id for q in opened.questions if q.set == "main"]
    first = telling_question(mine[made.REFERENCE], [mine["cheat-0064"]], asked)
    assert first in asked
    assert telling_question(mine[made.REFERENCE], [mine[made.REFERENCE]], asked) == asked[0]


def test_no_page_imports_a_model(study):
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "for script in ('app.py', 'pages/explore/drift.py'):\n"
        "    at = AppTest.from_file(script, default_timeout=60).run()\n"
        "    assert not at.exception, at.exception\n"
        "heavy = {'torch', 'umap', 'transformers', 'transformer_lens', 'sklearn', 'numba'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PSM_VIZ_STUDY": str(study), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
