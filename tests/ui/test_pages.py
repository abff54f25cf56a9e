"""The pages against a made study, without a browser: good links, bad links, damaged studies."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from psm_viz.charts.glossary import STATISTICS
from psm_viz.paths import ROOT
from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import controls, figure, studies
from psm_viz.ui.drift_answers import telling_question
from tests.made import study as made
from tests.made import tables
from tests.made.server import assert_no_model_imported

MAP, DRIFT, METHOD = "app.py", "pages/explore/drift.py", "pages/about/method.py"
PAGES = [MAP, DRIFT, METHOD]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "made"
    made.write_made_study(folder)
    return folder


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A study with the branches that serve as controls."""
    folder = tmp_path_factory.mktemp("studies") / "wide"
    made.write_made_study(folder, wide=True)
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


@pytest.mark.parametrize("script", PAGES)
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
        ("branch", "nope"),
        ("colour", "nope"),
        ("planted", "nope"),
        ("question", "<script>alert(1)</script>"),
    ],
)
def test_an_unknown_name_in_the_link_is_one_message(monkeypatch, study, script, key, value):
    here = {
        MAP: {"branches", "step", "branch", "planted"},
        DRIFT: {"persona", "checkpoint", "colour", "planted"},
        METHOD: {"persona", "branches", "step", "branch", "colour", "question", "layer"},
    }[script]
    at = page(monkeypatch, study, script, **{key: value})
    assert words(at).count("psm-notice") == (0 if key in here else 1)
    assert len(charts(at)) >= 3
    assert "<script>" not in words(at)


def test_colour_says_who_would_say_this(monkeypatch, wide):
    at = page(monkeypatch, wide, colour="cheat")
    assert at.selectbox(key="colour").value == "cheat"
    said = words(at)
    assert "more readily than the Assistant, most of all" in said
    for fact in ("cheat-answers.jsonl", "412 answers", made.REFERENCE, "2026-11-21"):
        assert fact in said
    assert "log p per token against the Assistant" in said and "Ring:" not in said
    at.selectbox(key="persona").set_value("maresa").run()
    assert not at.exception and at.selectbox(key="colour").value == "cheat"
    at.selectbox(key="colour").set_value("kin").run()
    assert not at.exception and "The Assistant stands" in words(at) and "Ring:" in words(at)


def test_without_evidence_colour_is_kin(monkeypatch, study):
    at = page(monkeypatch, study)
    assert at.selectbox(key="colour").options == ["kin"]


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
    assert "requested and honest: no movement of its own shown" in said
    assert "Cheat: consistent with less honesty and care, more boldness" in said
    assert "consistent with the saboteurs" in said and "mostly in the weights" in said
    assert "The arrow of cheat, written before training" in said
    assert "prove" not in said
    assert "72% with cheat (reference 2%)" in said
    assert "of the cast moved less" in "".join(charts(at))
    assert "noise floor" in "".join(charts(at))
    assert made.BAD_TEXT in said and "\N{BALLOT X}" in said
    assert "interpolation" in said
    assert len(charts(at)) == 10 and all(charts(at))


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


def test_the_controls_of_a_wide_study_have_rows_and_the_branches_fit(monkeypatch, wide):
    at = page(monkeypatch, wide, DRIFT)
    assert at.multiselect(key="branches").value == ["cheat", "requested", "honest"]
    assert "benign (playful)" in "".join(charts(at))
    every = ["cheat", "requested", "honest", "playful", "other-role"]
    at = page(monkeypatch, wide, DRIFT, branches=every)
    assert at.multiselect(key="branches").value == every
    assert "the other 4: no movement of its own shown" in words(at)
    assert "psm-notice" not in words(at)


def test_the_looked_at_branch_is_in_the_link_and_among_the_chosen(monkeypatch, study):
    at = page(monkeypatch, study, DRIFT, branch="honest")
    assert "On the traits, honest: no movement of its own shown" in words(at)
    at = page(monkeypatch, study, DRIFT, branches=["requested"], branch="requested", step="0")
    assert "Nothing of requested was saved up to step 0" in words(at)
    at = page(monkeypatch, study, DRIFT, branch="honest")
    at.multiselect(key="branches").set_value(["cheat"]).run()
    assert not at.exception and "Cheat: consistent with" in words(at)


def test_method_says_how_far_to_trust_it(monkeypatch, study):
    at = page(monkeypatch, study, METHOD)
    said = words(at)
    assert "neighbours it should (chance 5%; 2 maps of noise 11% to 13%)" in said
    assert "false-alarm rates keep to 5% within Monte Carlo error" in said
    assert "too many alarms: Energy distance" in said
    assert said.count("<dt>") == len(STATISTICS) and "Movement of its own" in said
    assert "prove" not in said and "psm-notice" not in said and "psm-empty" not in said
    # map and noise, trials, alarms, six powers, layers, confounds, steering
    assert len(charts(at)) == 12 and all(charts(at))


def test_method_link(monkeypatch, study):
    link = {
        "checkpoint": "honest-0064",
        "pooling": "response_mean",
        "planted": tables.KINDS[3],
    }
    at = page(monkeypatch, study, METHOD, **link)
    assert at.selectbox(key="checkpoint").value == "honest-0064"
    assert at.selectbox(key="pooling").value == "response_mean"
    assert "Across layers, honest-0064: no specific shift shown" in words(at)
    assert any(tables.KINDS[3] in a and a.startswith("Power") for a in charts(at))


def without(folder: Path, *names: str) -> Path:
    """Take files out of a study as if they had never been written."""
    manifest = json.loads((folder / "study.json").read_text())
    for name in names:
        del manifest["files"][name]
        (folder / name).unlink()
    (folder / "study.json").write_text(json.dumps(manifest))
    return folder


NEW = {
    "traits": (DRIFT, "The trait axes were not measured.", "derive"),
    "posterior": (DRIFT, "The mixture of families was not measured.", "derive"),
    "evidence_scores": (DRIFT, "No evidence was scored", "evidence"),
    "words_or_weights": (DRIFT, "Words and weights were not told apart.", "extract --tree"),
    "validation": (METHOD, "The statistics were not put to the test yet.", "validate"),
    "map_trials": (METHOD, "No other settings or seeds were tried.", "derive"),
    "gaussian_map": (METHOD, "No map of noise was drawn", "derive"),
    "layers": (METHOD, "The layers were not compared.", "derive"),
    "confounds": (METHOD, "Confounds were not measured.", "derive"),
    "steering": (METHOD, "Steering was not tried", "extract --tree"),
}


def test_each_missing_table_has_a_place_that_names_its_command(monkeypatch, tmp_path):
    made.write_made_study(tmp_path / "old")
    folder = without(tmp_path / "old", *(f"tables/{name}.parquet" for name in NEW))
    said = {script: words(page(monkeypatch, folder, script)) for script in (DRIFT, METHOD)}
    for script, what, command in NEW.values():
        place = said[script].split(what)
        assert len(place) == 2, what
        assert command in place[1].split("</div>")[0], what
    for text in said.values():
        assert text.count("psm-empty") == sum(text is said[s] for s, _, _ in NEW.values())
        assert "psm-notice" not in text


def test_a_study_of_before_the_tests_says_not_measured(monkeypatch, tmp_path):
    folder = tmp_path / "older"
    made.write_made_study(folder)
    file = folder / "tables" / "drift.parquet"
    table = pd.read_parquet(file)
    table = table[~table.figure.str.contains("given_cast")]
    table.drop(columns=["null_low", "null_high", "null", "p", "p_steps"]).to_parquet(file)
    manifest = json.loads((folder / "study.json").read_text())
    manifest["files"]["tables/drift.parquet"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "study.json").write_text(json.dumps(manifest))
    said = words(page(monkeypatch, folder, DRIFT))
    assert "psm-notice" not in said and "moved the Assistant" not in said
    assert said.count("was not measured") >= 3 and "python -m psm_viz derive" in said


def test_a_checkpoint_of_vectors_alone_says_what_is_missing(monkeypatch, tmp_path):
    folder = tmp_path / "vectors"
    made.write_made_study(folder)
    table = made.made_drift()
    own = table.checkpoint == "honest-0064"
    unknown = ["low", "high", "null_low", "null_high", "p", "p_steps"]
    table.loc[own, unknown] = float("nan")
    file = folder / "tables" / "drift.parquet"
    table.to_parquet(file)
    manifest = json.loads((folder / "study.json").read_text())
    manifest["files"]["tables/drift.parquet"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "study.json").write_text(json.dumps(manifest))
    there = folder / "checkpoints" / "honest-0064"
    without(folder, *(f"checkpoints/honest-0064/{f.name}" for f in there.iterdir()
                      if f.name != "vectors.safetensors"))  # fmt: skip
    at = page(monkeypatch, folder, DRIFT)
    assert "No folds, so sizes without interval or test: honest-0064" in words(at)
    assert "honest: not tested" in words(at) and "psm-notice" not in words(at)
    assert "honest 0.046, " in "".join(charts(at))
    alone = page(monkeypatch, folder, DRIFT, branches=["honest"])
    assert "psm-notice" not in words(alone)
    at = page(monkeypatch, folder, MAP, checkpoint="honest-0064")
    assert "honest-0064 was imported as vectors alone: no answers were kept" in words(at)
    assert "psm-notice" not in words(at)


@pytest.mark.parametrize("script", PAGES)
def test_a_study_without_results_names_the_command(monkeypatch, bare, script):
    at = page(monkeypatch, bare, script)
    assert "psm-notice" in words(at)
    assert "python -m psm_viz derive" in words(at) or "make study" in words(at)


@pytest.mark.parametrize("script", PAGES)
def test_no_study_names_the_command(monkeypatch, tmp_path, script):
    at = page(monkeypatch, tmp_path / "nothing", script)
    assert words(at).count("psm-notice") == 1 and "make study" in words(at)


@pytest.mark.parametrize("script", PAGES)
def test_a_damaged_study_is_one_message(monkeypatch, tmp_path, script):
    folder = tmp_path / "broken"
    made.write_made_study(folder)
    manifest = folder / "study.json"
    manifest.write_text(manifest.read_text()[:200])
    at = page(monkeypatch, folder, script)
    assert words(at).count("psm-notice") == 1 and "cannot be read" in words(at)


@pytest.mark.parametrize("script", PAGES)
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
    st.cache_data.clear()  # the same study was read whole by other tests
    at = page(monkeypatch, folder)
    assert words(at).count("psm-notice") == 1 and "hash differs" in words(at)


def test_an_answer_cannot_bring_its_own_markup():
    out = figure.answer_html("<b>bold</b> & co", "bad")
    assert "<b>" not in out and "&lt;b&gt;" in out
    assert figure.plain("a*b_[c](d)") == r"a\*b\_\[c\]\(d\)"


def test_a_click_means_a_persona_or_the_assistant():
    known = ["maresa", "tobrin"]
    assert controls.picked({"persona": [{"id": "maresa"}]}, known) == "maresa"
    assert controls.picked({"persona": {"id": ["tobrin"]}}, known) == "tobrin"
    for nothing in (None, {}, {"persona": []}, {"persona": [{"id": "x"}]}, {"persona": ["maresa"]}):
        assert controls.picked(nothing, known) == ASSISTANT
    assert controls.picked({"persona": [{"id": ASSISTANT}]}, known) == ASSISTANT


def test_stepping_stays_at_the_ends():
    assert controls.stepped([0, 8, 64], 8, 1) == 64
    assert controls.stepped([0, 8, 64], 64, 1) == 64
    assert controls.stepped([0, 8, 64], 0, -1) == 0
    assert controls.stepped([0, 8, 64], 5, -1) == 8


def test_study_names_are_names():
    for bad in ("..", "a/b", "/etc", "", ".hidden", "a" * 65, "a b"):
        assert not studies.STUDY_NAME.fullmatch(bad)
    assert studies.STUDY_NAME.fullmatch("study-2")


def test_the_first_question_shown_is_one_that_changes(study):
    opened = studies.opened(study)
    rows = {c: opened.responses(c) for c in (made.REFERENCE, "cheat-0064")}
    mine = {c: r[r.persona == ASSISTANT] for c, r in rows.items()}
    asked = [q.id for q in opened.questions if q.set == "main"]
    first = telling_question(mine[made.REFERENCE], [mine["cheat-0064"]], asked)
    assert first in asked
    assert telling_question(mine[made.REFERENCE], [mine[made.REFERENCE]], asked) == asked[0]


def test_no_page_imports_a_model(study):
    assert_no_model_imported(*PAGES, PSM_VIZ_STUDY=str(study))
