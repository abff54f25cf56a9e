"""A talk that is under way as figures: its path, whom it sounds like, every way of reading it."""

import pytest

from psm_viz.charts.figures import Figure, Missing
from psm_viz.charts.live_figures import (
    Side,
    at_place,
    path_figure,
    path_rows,
    path_title,
    unfolding_figure,
    ways_table,
)
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.charts.reads import Reads
from psm_viz.study.reader import open_study
from psm_viz.study.talks import LIKELIHOOD, OWN, families_in


@pytest.fixture(scope="module")
def families(talk_study):
    return families_in(talk_study.table("beliefs"), talk_study.cast)


def heard(families, likeliest, place):
    """What is heard after an answer: nearly all belief on one family, by both ways."""
    rest = 0.1 / (len(families) - 1)
    belief = {f: 0.9 if f == likeliest else rest for f in families}
    return {"belief": {LIKELIHOOD: belief, OWN: belief}, "headline": LIKELIHOOD, "place": place}


@pytest.fixture(scope="module")
def sides(families):
    first, last = families[0], families[-1]
    start = {"belief": {}, "place": [0.0, 0.0, 0.0, 0.0]}
    one = [start, heard(families, first, [1.0, 2.0, 3.0, 4.0]), heard(families, last, [2.0] * 4)]
    return [Side("before", one), Side("after", [start, heard(families, first, [0.5] * 4)])]


def test_a_path_has_a_mark_an_answer_and_knows_which_is_now(sides):
    rows = path_rows(sides, "UMAP")
    assert list(rows.n) == [0, 1, 2, 0, 1] and list(rows.side) == [0, 0, 0, 1, 1]
    assert list(rows.now) == [False, False, True, False, True]
    assert (rows.px[1], rows.py[1]) == (1.0, 2.0)
    assert at_place([1.0, 2.0, 3.0, 4.0], "PCA") == {"px": 3.0, "py": 4.0}
    unread = Side("x", [{}, {"belief": {}}])
    assert path_rows([unread], "UMAP").empty


def test_the_sentence_names_the_kin_of_each_voice(talk_study, sides, families):
    cast = talk_study.cast
    kin = {f.id: cast.kins[f.kin] for f in cast.families}
    one, two = kin[families[-1]], kin[families[0]]
    assert path_title(sides[:1], cast).startswith(f"It sounds like: {one}, 9")
    title = path_title(sides, cast)
    assert title.startswith(f"before: {one}, ") and f"after: {two}, " in title
    assert "Say something" in path_title([Side("x", [{}])], cast)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda p: p.name)
def test_path_and_belief_are_drawn(talk_study, sides, families, palette):
    reads = Reads(talk_study)
    path = path_figure(reads, sides, "UMAP", MapView())
    assert isinstance(path, Figure) and "may lie elsewhere there" in path.told.words
    assert path.build(palette, None).to_dict(validate=False)
    unfolding = unfolding_figure(sides[0], talk_study.cast, families, "0")
    assert isinstance(unfolding, Figure)
    for width in (None, 380):
        assert unfolding.build(palette, width).to_dict(validate=False)


def test_every_way_of_reading_is_a_row(talk_study, sides):
    rows = ways_table(sides[0].heard[-1] | {"far": {OWN: 1.5}}, talk_study.cast)
    assert list(rows["like none of these"]) == ["", "yes"]
    assert all("90%" in said for said in rows["sounds like"])


def test_a_study_without_talks_says_what_makes_them(made_folder, sides):
    one = path_figure(Reads(open_study(made_folder)), sides, "UMAP", MapView())
    assert isinstance(one, Missing) and "psm_viz talks" in one.next_step
