"""A talk that is under way as figures: its path, whom it sounds like, every way of reading it."""

import pytest

from psm_viz.charts.figures import Figure, Missing
from psm_viz.charts.live_figures import (
    Side,
    belief_of,
    path_figure,
    path_rows,
    path_title,
    place_on,
    unfolding_figure,
    ways_figure,
    ways_of,
)
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.charts.reads import Reads
from psm_viz.study.reader import open_study
from psm_viz.study.talks import LIKELIHOOD, OWN, REFERENCE, families_in


@pytest.fixture(scope="module")
def families(talk_study):
    return families_in(talk_study.table("beliefs"), talk_study.cast)


@pytest.fixture(scope="module")
def reads(talk_study):
    return Reads(talk_study)


def sure_of(families, likeliest):
    rest = 0.1 / (len(families) - 1)
    return {f: 0.9 if f == likeliest else rest for f in families}


def heard(families, by_words, by_state, answers=1, far=0.5):
    """What is heard after an answer: nearly all belief on one family, on another by the state."""
    belief = {LIKELIHOOD: sure_of(families, by_words), OWN: sure_of(families, by_state)}
    return {"answers": answers, "belief": belief, "headline": LIKELIHOOD, "far": {OWN: far}}


@pytest.fixture(scope="module")
def sides(families):
    first, last = families[0], families[-1]
    even = dict.fromkeys(families, 1 / len(families))
    start = {"answers": 0, "belief": {LIKELIHOOD: even}, "headline": LIKELIHOOD, "far": {}}
    one = [start, heard(families, first, last), heard(families, last, first, 2, far=1.5)]
    return [Side("before", one), Side("after", [start, heard(families, first, first)])]


def test_a_path_has_a_mark_an_answer_and_knows_which_is_now(reads, sides, families):
    rows = path_rows(reads, sides, "UMAP")
    assert list(rows.n) == [0, 1, 2, 0, 1] and list(rows.side) == [0, 0, 0, 1, 1]
    assert list(rows.now) == [False, False, True, False, True] and not rows.far.any()
    assert place_on(reads, sure_of(families, families[0]), "UMAP") == {
        "px": rows.px[1],
        "py": rows.py[1],
    }
    # before any answer in the middle of all, whichever way is read
    assert rows.px[0] == path_rows(reads, sides, "UMAP", OWN).px[0]
    unread = Side("x", [{}, {"belief": {}}])
    assert path_rows(reads, [unread], "UMAP").empty


def test_another_way_of_reading_lies_elsewhere_and_knows_what_is_far(reads, sides, families):
    words, state = (path_rows(reads, sides, "PCA", way) for way in (LIKELIHOOD, OWN))
    assert words.px[1] == state.px[2] and words.px[2] == state.px[1] != words.px[1]
    assert list(state.far) == [False, False, True, False, False]
    # where the reference itself speaks its own state is the reference's
    assert belief_of(sides[0].heard[1], REFERENCE) == belief_of(sides[0].heard[1], OWN)
    far = [sides[0].heard[0], heard(families, families[0], families[0], far=2.0)]
    assert list(path_rows(reads, [Side("x", far)], "PCA", REFERENCE).far) == [False, True]
    assert list(ways_of(sides)) == ["", OWN] and ways_of([Side("x", [{}])]) == {
        "": "as sentences are"
    }


def test_the_sentence_names_the_kin_of_each_voice(talk_study, sides, families):
    cast = talk_study.cast
    kin = {f.id: cast.kins[f.kin] for f in cast.families}
    one, two = kin[families[-1]], kin[families[0]]
    assert path_title(sides[:1], cast).startswith(f"It sounds like: {one}, 9")
    title = path_title(sides, cast)
    assert title.startswith(f"before: {one}, ") and f"after: {two}, " in title
    by_state = path_title(sides[:1], cast, OWN)
    assert f"{two}, 9" in by_state and "like none of them by its own state" in by_state
    assert "Say something" in path_title([Side("x", [{}])], cast)
    words = {LIKELIHOOD: sides[0].heard[1]["belief"][LIKELIHOOD]}
    early = Side("x", [{}, {"answers": 1, "belief": words, "headline": LIKELIHOOD}])
    assert path_title([early], cast, OWN) == "It sounds like: still being read by its own state"


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda p: p.name)
def test_path_and_belief_are_drawn(talk_study, reads, sides, families, palette):
    for way in ("", OWN):
        path = path_figure(reads, sides, "UMAP", MapView(), way)
        assert isinstance(path, Figure) and "may lie elsewhere there" in path.told.words
        assert path.build(palette, None).to_dict(validate=False)
        unfolding = unfolding_figure(sides[0], talk_study.cast, families, "0", way)
        ways = ways_figure(sides[0], talk_study.cast, "0")
        for one in (unfolding, ways):
            assert isinstance(one, Figure)
            for width in (None, 380):
                assert one.build(palette, width).to_dict(validate=False)


def test_every_way_of_reading_is_a_bar_and_says_what_is_like_none(talk_study, sides):
    one = ways_figure(sides[0], talk_study.cast, "0")
    assert isinstance(one, Figure) and "2 ways" in one.told.title
    assert list(dict.fromkeys(one.frame.read)) == ["its words", "its own state\nlike none of them"]
    assert one.frame.groupby("read").mass.sum().tolist() == pytest.approx([1, 1])
    assert isinstance(ways_figure(Side("x", [{}]), talk_study.cast, "0"), Missing)


def test_a_study_without_talks_says_what_makes_them(made_folder, sides):
    one = path_figure(Reads(open_study(made_folder)), sides, "UMAP", MapView())
    assert isinstance(one, Missing) and "psm_viz talks" in one.next_step
