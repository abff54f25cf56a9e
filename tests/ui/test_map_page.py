"""The Map page: what it opens on, what a link restores, colour, neighbours, samples."""

import streamlit as st

from psm_viz.study.cast import ASSISTANT
from tests.made.activations import forget
from tests.made.page import alts, opened, words
from tests.made.study import GOOD_TEXT, REFERENCE, write_made_study


def test_map_opens_on_the_assistant(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder)
    assert "The Assistant stands" in words(at)
    assert "Distances on a UMAP are not measurements" in words(at)
    assert "chance 0.05" in words(at)
    assert any(a.startswith("Map of 25 personas") for a in alts(at))
    assert at.selectbox(key="checkpoint").value == REFERENCE
    assert "Double-click: whole map." in words(at) and "psm-notice" not in words(at)


def test_map_link_restores_everything(monkeypatch, made_folder):
    at = opened(
        monkeypatch,
        made_folder,
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
    assert "Maresa" in words(at) and GOOD_TEXT in words(at)
    assert "principal components" in words(at)
    assert "psm-notice" not in words(at)


def test_colour_says_who_would_say_this(monkeypatch, wide_folder):
    at = opened(monkeypatch, wide_folder, colour="cheat")
    assert at.selectbox(key="colour").value == "cheat"
    said = words(at)
    assert "more readily than the Assistant, most of all" in said
    for fact in ("cheat-answers.jsonl", "412 answers", REFERENCE, "2026-11-21"):
        assert fact in said
    assert "log p per token against the Assistant" in said and "Ring:" not in said
    at.selectbox(key="persona").set_value("maresa").run()
    assert not at.exception and at.selectbox(key="colour").value == "cheat"
    at.selectbox(key="colour").set_value("kin").run()
    assert not at.exception and "The Assistant stands" in words(at) and "Ring:" in words(at)


def test_colour_means_what_the_study_has_a_number_of(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, checkpoint="cheat-0064")
    assert at.selectbox(key="colour").options == [
        "kin (shape: family)",
        "bad answers",
        "Assistant axis",
        "trust in the place",
    ]
    for colour, finding, caption in (
        ("bad answers", "answer badly more often than well at cheat-0064", "share is rough"),
        (
            "Assistant axis",
            "Farthest towards the Assistant along its axis",
            "place along the Assistant axis at",
        ),
        ("trust in the place", "The map is least to be trusted about", "nearest here too"),
    ):
        at.selectbox(key="colour").set_value(colour).run()
        assert not at.exception
        assert finding in words(at) and caption in words(at) and "psm-notice" not in words(at)


def test_colour_of_a_checkpoint_that_was_not_asked_is_one_message(monkeypatch, tmp_path):
    write_made_study(tmp_path / "vectors")
    forget(tmp_path / "vectors", "checkpoints/honest-0064/responses.parquet")
    at = opened(monkeypatch, tmp_path / "vectors", checkpoint="honest-0064", colour="bad answers")
    assert words(at).count("psm-notice") == 1
    assert "at honest-0064: the cast was not asked there" in words(at)
    assert any(a.startswith("Map of 25 personas") for a in alts(at))


def test_neighbours_select(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, persona="maresa")
    next(b for b in at.button if b.label == "Tobrin").click().run()
    assert not at.exception
    assert at.selectbox(key="persona").value == "tobrin"
    assert "Tobrin" in words(at)


def test_another_sample_is_shown(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, checkpoint="cheat-0008")
    key = f"sample-{ASSISTANT}-coding-1"
    at.button(key=f"{key}-next").click().run()
    assert at.session_state[key] == 1


def test_a_damaged_map_leaves_the_page_standing(monkeypatch, tmp_path):
    folder = tmp_path / "cut"
    write_made_study(folder)
    file = folder / "maps" / "prompt_last-L1.parquet"
    file.write_bytes(file.read_bytes()[:100])
    st.cache_data.clear()  # the same study was read whole by other tests
    at = opened(monkeypatch, folder)
    assert words(at).count("psm-notice") == 1 and "hash differs" in words(at)


def test_families_are_listed_without_a_pointer(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, families=["jesters", "healers"], zoom="2")
    assert "10 personas selected" in words(at) and "psm-notice" not in words(at)
    assert at.selectbox(key="zoom").value == "2"
    shown = next(d.value for d in at.dataframe if "what" in d.value)
    assert set(shown.family) == {"Jesters", "Healers"} and "persona" not in shown
    assert "Shift + drag: list who lies in an area" in words(at)
    at.button(key="selection-clear").click().run()
    assert not at.exception and "selected" not in words(at)
    assert at.multiselect(key="families").value == []


def test_an_unknown_family_of_a_link_is_one_message(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, families="<b>nobody</b>")
    assert words(at).count("psm-notice") == 1 and "<b>nobody" not in words(at)


def test_talks_are_listed_with_their_words(monkeypatch, talk_study):
    family = talk_study.cast.families[0].id
    at = opened(monkeypatch, talk_study.folder, families=family)
    shown = next(d.value for d in at.dataframe if "what" in d.value)
    talks = shown[shown.what == "talk"]
    assert len(talks) and talks.said.str.contains(" / ").all() and "psm-notice" not in words(at)
