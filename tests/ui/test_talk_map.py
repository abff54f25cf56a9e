"""The Map page of a study with talks: dots, their card, what a link restores."""

import json
import shutil

import pytest

from psm_viz.charts.kin_bars import unfolding
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.talk_map import dots_at, talk_map, talk_of, talk_table
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.belief_map import belief_maps
from psm_viz.tables.belief_readings import readings_of
from psm_viz.tables.derive import small
from psm_viz.ui.controls import clicked
from tests.made.page import MAP, alts, opened, words
from tests.made.server import assert_no_model_imported
from tests.made.study import FAMILIES, REFERENCE
from tests.made.talk_study import OWN_TALKS


@pytest.fixture(scope="module")
def folder(talk_study):
    return talk_study.folder


def test_the_map_opens_on_talks_and_says_what_they_are(monkeypatch, folder):
    at = opened(monkeypatch, folder)
    said = words(at)
    assert "The Assistant talks as carers do" in said
    for word in ("one of 25 personas", "the characters that this model", "checkpoint (a saved"):
        assert word in said
    assert "Gaussian noise" in said and "psm-notice" not in said
    assert any(a.startswith(f"Map of talks at {REFERENCE}: {OWN_TALKS}") for a in alts(at))


def test_after_cheating_the_headline_names_place_and_change(monkeypatch, folder):
    at = opened(monkeypatch, folder, checkpoint="cheat-0064")
    said = words(at)
    assert "The Assistant talks as carers do; after 64 steps of cheat" in said
    assert "con artists" in said.split("after 64 steps")[1]
    at = opened(monkeypatch, folder, checkpoint="requested-0064")
    assert "still talks as carers do" in words(at)


def test_a_talks_card_has_its_words_and_the_belief_unfolding(monkeypatch, folder):
    at = opened(monkeypatch, folder, checkpoint="cheat-0064", talk="2")
    assert at.selectbox(key="talk").value == "2"
    said = words(at)
    assert said.count("psm-asked") == 2 and "(assistant, 2)" in said
    assert "It sounds like: Con artists and saboteurs" in said
    assert any("Belief over kins after 0 to 2 answers" in a for a in alts(at))
    at.selectbox(key="talk").set_value("19").run()
    assert not at.exception and "(assistant, 19)" in words(at)
    assert "It sounds like: Carers and sages" in words(at)


def test_a_persons_talk_can_be_read(monkeypatch, folder, talk_study):
    said = talk_study.talk_answers(REFERENCE)
    own = said[said.persona == "maresa"]
    talk = int(own.talk.iloc[0])
    at = opened(monkeypatch, folder, persona="maresa", told=str(talk))
    key = f"told-{REFERENCE}-maresa"
    assert at.selectbox(key=key).value == str(talk)
    assert f'aria-label="Talk {talk} of Maresa"' in words(at) and "psm-notice" not in words(at)
    for text in own[own.talk == talk].text:
        assert text in words(at)
    # whoever is chosen next has talks of the same numbers: none is opened unasked
    other = next(p.id for p in talk_study.cast.personas if p.id != "maresa")
    at.selectbox(key="persona").set_value(other).run()
    assert not at.exception and 'aria-label="Talk' not in words(at)
    assert "psm-notice" not in words(at)
    at = opened(monkeypatch, folder, persona="maresa", told="999")
    assert words(at).count("psm-notice") == 1 and at.selectbox(key=key).value == ""


def test_where_states_tell_nothing_talks_are_placed_by_belief(monkeypatch, talk_study, tmp_path):
    folder = shutil.copytree(talk_study.folder, tmp_path / "study")
    study = open_study(folder)
    writer = StudyWriter(folder)
    writer.begin_from(study)
    made = belief_maps(study, readings_of(study), study.table("beliefs"))
    for name, frame in zip(("map", "map_quality"), made, strict=True):
        writer.remove_table(f"talk_{name}")
        writer.write_table(f"belief_{name}", small(frame))
    writer.finish(study.manifest, study.cast, study.questions)
    at = opened(monkeypatch, folder, checkpoint="cheat-0064")
    said = words(at)
    assert "among the characters who would say the same" in said and "speakers shuffled" in said
    assert "Each pale dot is one of 25 personas" in said and "psm-notice" not in said


def test_means_are_one_click_away_and_stay_in_the_link(monkeypatch, folder):
    at = opened(monkeypatch, folder, unit="means")
    assert "The Assistant stands" in words(at) and "the characters that this model" not in words(at)
    at = opened(monkeypatch, folder, persona="maresa")
    assert "Maresa" in words(at) and "psm-asked" not in words(at)


def test_what_changes_nothing_about_talks_is_no_choice(monkeypatch, folder):
    def offered(at):
        return {w.key for w in (*at.selectbox, *at.toggle)} & {"frame", "blocks", "fade"}

    assert offered(opened(monkeypatch, folder)) == set()
    assert offered(opened(monkeypatch, folder, unit="means")) == {"frame", "blocks", "fade"}
    at = opened(monkeypatch, folder, frame="nowhere")
    assert "asks for a frame that this study does not have" in words(at)


def test_talks_are_shown_without_a_model_library(folder):
    assert_no_model_imported(MAP, PSM_VIZ_STUDY=str(folder))


def test_a_study_without_talks_shows_its_means_and_no_such_choice(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder)
    assert "The Assistant stands" in words(at)
    assert "held no talks" in words(at) and "psm_viz talks --study DIR" in words(at)
    assert not [w for w in at.get("button_group") if "unit" in str(w.proto)]


def test_a_click_means_a_talk_or_a_persona():
    assert talk_of("talk-12") == 12 and talk_of("maresa") is None and talk_of("talk-x") is None
    assert clicked({"persona": [{"id": "talk-3"}]}) == ["talk-3"]
    assert clicked({"persona": {"id": ["maresa"]}}) == ["maresa"]
    assert clicked(None) == []


def test_the_land_stays_while_the_dots_move(talk_study):
    points = talk_study.table("talk_map")

    def drawn(checkpoint):
        spec = talk_map(points, talk_study.cast, checkpoint, MapView(), LIGHT, (800, 470))
        return json.loads(spec.to_json())

    before, after = drawn(REFERENCE), drawn("cheat-0064")
    assert before["layer"][0] == after["layer"][0]
    assert before["layer"][1]["encoding"]["x"] == after["layer"][1]["encoding"]["x"]
    table = talk_table(points, talk_study.cast, "cheat-0064")
    assert (table.who == "Assistant").sum() == OWN_TALKS == len(dots_at(points, "cheat-0064"))


def test_belief_unfolds_from_even_families(talk_study):
    beliefs = talk_study.table("beliefs")
    own = beliefs[(beliefs.way == "likelihood") & (beliefs.checkpoint == "cheat-0064")]
    own = own[(own.who == "assistant") & (own.talk == 0)]
    rows = unfolding(own, talk_study.cast, [f[0] for f in FAMILIES])
    assert list(dict.fromkeys(rows.answers)) == [0, 1, 2]
    start = rows[rows.answers == 0].set_index("kin").mass
    assert start.to_dict() == pytest.approx(dict.fromkeys(start.index, 0.2))
    assert rows.groupby("answers").mass.sum().tolist() == pytest.approx([1, 1, 1], abs=1e-3)
