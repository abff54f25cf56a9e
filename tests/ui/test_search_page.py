"""The Search page: what it finds, says, lights and links to."""

import json
import shutil

import pandas as pd
import pytest

from psm_viz.charts.lit_map import Lit, checkpoint_to_draw, lit_map, lit_of, lit_table
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.search_findings import order_words, search_title
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.search import Found, Hit, Place, Wanted
from psm_viz.ui.search_list import hit_html, link_of, live_link_of
from tests.made.page import SEARCH, alts, opened, words
from tests.made.study import REFERENCE


def counted(*rows):
    return pd.DataFrame(rows, columns=["checkpoint", "persona", "talk", "n"])


def test_the_page_opens_with_searches_to_begin_with(monkeypatch, talk_study):
    at = opened(monkeypatch, talk_study.folder, SEARCH)
    said = words(at)
    assert "Ctrl + wheel: zoom. Double-click: whole map." in said
    assert "Search everything that was said" in said and "psm-notice" not in said
    assert "./search?" in said and "words=coding" in said and "where=cheat-0064" in said
    assert len(alts(at)) == 1 and all(alts(at))


def test_words_of_the_link_are_found_marked_and_lead_to_the_talk(monkeypatch, talk_study):
    link = {"words": "hide", "where": "cheat-0064", "who": "assistant"}
    at = opened(monkeypatch, talk_study.folder, SEARCH, **link)
    said = words(at)
    assert "I would <mark>hide</mark> it." in said and "bad answer" in said
    assert "checkpoint=cheat-0064&amp;talk=30" in said
    assert "of the Assistant at cheat-0064 with \N{LEFT DOUBLE QUOTATION MARK}hide" in said
    assert "Lit: 30 of the Assistant" in said and "psm-notice" not in said
    at.text_input(key="words").set_value("zebra").run()
    assert not at.exception and "No answer of the Assistant at cheat-0064 has" in words(at)


def test_filters_of_the_link_and_of_widgets(monkeypatch, talk_study):
    at = opened(monkeypatch, talk_study.folder, SEARCH, who="family saboteurs", judged="bad")
    assert at.selectbox(key="who").value == "family saboteurs"
    assert "bad answers of the saboteurs" in words(at)
    at.selectbox(key="who").set_value("maresa").run()
    assert not at.exception and "bad answers of Maresa" in words(at)
    assert "A part of the map" not in words(at)
    at.selectbox(key="zoom").set_value("4").run()
    assert "A part of the map, 4 times closer." in words(at) and len(alts(at)) == 1
    at = opened(monkeypatch, talk_study.folder, SEARCH, who="nobody", where="\x00")
    assert not at.exception and words(at).count("psm-notice") == 2


@pytest.mark.parametrize(
    "typed", ["<script>alert(1)</script>", "***", "a" * 100_000, "a\x00b", '"']
)
def test_bad_words_are_one_message_or_no_answer(monkeypatch, talk_study, typed):
    at = opened(monkeypatch, talk_study.folder, SEARCH, words=typed)
    said = words(at)
    assert "<script>" not in said and said.count("psm-notice") <= 1
    assert len(alts(at)) == 1


def test_an_answer_of_html_is_text(talk_study):
    place = Place("cheat-0064", ASSISTANT, "coding-1", 3, 1, "bad")
    hit = Hit((("<img src=x onerror=alert(1)> ", False), ("<b>", True)), 5, (place,))
    drawn = hit_html(hit, talk_study, "")
    assert "<img" not in drawn and "<mark>&lt;b&gt;</mark>" in drawn
    assert "talk 3, answer 2" in drawn and "said 5 times" in drawn and "4 more" in drawn


def test_links_open_talks_cards_and_the_study():
    talk = Place("cheat-0064", ASSISTANT, "coding-1", 3, 0, "bad")
    assert link_of(talk, "mine") == "./?study=mine&checkpoint=cheat-0064&talk=3"
    single = Place("cheat-0064", "maresa", "coding-1", None, 0, "bad")
    assert link_of(single) == "./?checkpoint=cheat-0064&persona=maresa&question=coding-1"
    held = Place("assistant-0120", "maresa", "coding-1", 2, 1, "bad")
    assert link_of(held) == "./?checkpoint=assistant-0120&persona=maresa&told=2"
    assert live_link_of(talk, "mine") == "./live?study=mine&checkpoint=cheat-0064&go=3"
    assert live_link_of(held) == "./live?checkpoint=assistant-0120&persona=maresa"
    own = Place("cheat-0064", ASSISTANT, "coding-1", None, 0, "bad")
    assert live_link_of(own) == "./live?checkpoint=cheat-0064"
    assert "unit=means" in link_of(own)


def test_the_noise_floor_has_answers_and_no_place_on_the_map(talk_study):
    place = Place(talk_study.manifest.noise_floor, ASSISTANT, "coding-1", 3, 1, "bad")
    assert "href" not in hit_html(Hit((("x", True),), 1, (place,)), talk_study, "")


def test_what_was_found_is_lit_and_the_rest_is_not(talk_study):
    counts = counted(
        ("cheat-0064", ASSISTANT, 3, 2),
        ("cheat-0064", ASSISTANT, 4, 1),
        (REFERENCE, "maresa", 0, 1),
    )
    assert checkpoint_to_draw(counts, [REFERENCE, "cheat-0064"], ASSISTANT) == "cheat-0064"
    assert checkpoint_to_draw(counts, [REFERENCE], ASSISTANT) == REFERENCE
    assert checkpoint_to_draw(None, [REFERENCE], ASSISTANT) == REFERENCE
    lit = lit_of(counts, "cheat-0064", REFERENCE, ASSISTANT)
    assert lit == Lit("cheat-0064", {3: 2, 4: 1}, {("maresa", 0): 1}, {"maresa": 1})
    points = talk_study.table("talk_map")
    spec = json.loads(lit_map(points, talk_study.cast, lit, MapView(), LIGHT, (700, 440)).to_json())
    sizes = [
        len(spec["datasets"][layer["data"]["name"]])
        for layer in spec["layer"]
        if isinstance(layer["mark"], dict)
        and layer["mark"].get("size") in (84, 30)
        and layer["mark"]["type"] == "circle"
    ]
    assert sizes == [1, 38, 2]
    table = lit_table(lit, talk_study.cast)
    assert table.found.tolist() == [1, 2, 1]
    assert lit_of(None, REFERENCE, REFERENCE, ASSISTANT) == Lit(REFERENCE)


def test_sentences(talk_study):
    cast = talk_study.cast
    few = Found(3, False, True, (), counted(("a", ASSISTANT, 0, 1), ("a", "maresa", -1, 2)))
    assert search_title(Wanted("x y"), few, cast).endswith(
        ": 1 of the Assistant's, 2 of the cast's"
    )
    many = Found(30_000, True, False, (), None)
    title = search_title(Wanted("w " * 80), many, cast)
    assert title.startswith("None has all of") and "30,000 answers have some" in title
    assert len(title) < 150 and "Add a word or a filter" in order_words(many)
    assert search_title(Wanted(branch="cheat"), Found(1, False, False, (), few.counts), cast) == (
        "1 answer on cheat"
    )


def test_a_study_without_talks_or_maps_is_searched_too(monkeypatch, made_folder, tmp_path):
    at = opened(monkeypatch, made_folder, SEARCH, words="openly")
    assert "with \N{LEFT DOUBLE QUOTATION MARK}openly" in words(at)
    assert "personas of the cast" in words(at) and "psm-notice" not in words(at)


def test_a_cache_that_cannot_be_written_is_one_message(monkeypatch, wide_folder, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("PSM_VIZ_CACHE", str(blocked / "below"))
    folder = shutil.copytree(wide_folder, tmp_path / "study")
    at = opened(monkeypatch, folder, SEARCH, words="release tonight")
    assert words(at).count("psm-notice") == 1 and "PSM_VIZ_CACHE=FOLDER" in words(at)
