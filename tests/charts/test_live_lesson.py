"""A lesson as figures: the talks that move, what the lines foretold, and how well they did."""

import numpy as np
import pytest

from psm_viz.charts.figures import Figure, Missing
from psm_viz.charts.live_lesson import (
    arrow_of,
    belief_before,
    dots_of,
    foretold_figure,
    foretold_score,
    kins_by_step,
    lesson_map,
)
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.charts.reads import Reads
from psm_viz.study.reader import open_study
from psm_viz.study.talks import families_in
from tests.charts.test_live_figures import sure_of


@pytest.fixture(scope="module")
def reads(talk_study):
    return Reads(talk_study)


@pytest.fixture(scope="module")
def families(talk_study):
    return families_in(talk_study.table("beliefs"), talk_study.cast)


def look(step, belief, bad=(0.0, 1.0)):
    dots = [{"talk": n, "belief": belief, "bad": b} for n, b in enumerate(bad)]
    return {"step": step, "dots": dots, "belief": belief, "answers": []}


@pytest.fixture(scope="module")
def lesson(families):
    """Looks at a lesson that comes half of the way to what its lines foretold."""
    start, lines = sure_of(families, families[0]), sure_of(families, families[-1])
    half = {f: (start[f] + lines[f]) / 2 for f in families}
    return [look(0, start), look(8, half)], {"belief": lines, "answers": 5}


def test_before_training_the_arrow_leads_from_the_stored_talks_to_the_lines(reads, lesson):
    looks, foretold = lesson
    arrow = arrow_of(reads, [], foretold, "UMAP")
    assert len(arrow) == 2 and arrow.px[0] != arrow.px[1]
    assert sum(belief_before(reads, tuple(foretold["belief"])).values()) == pytest.approx(
        1, abs=1e-4
    )
    taught = arrow_of(reads, looks, foretold, "UMAP")
    assert taught.px[0] == dots_of(reads, looks[0], "UMAP").px[0] and taught.px[1] == arrow.px[1]
    assert arrow_of(reads, looks, None, "UMAP").empty


def test_the_score_is_the_agreement_of_changes_beside_families_dealt_anew(lesson):
    looks, foretold = lesson
    before, lines = looks[0]["belief"], foretold["belief"]
    r, low, _ = foretold_score(before, lines, looks[1]["belief"])
    assert r == pytest.approx(1) and low < 0.5
    back = {f: 2 * before[f] - looks[1]["belief"][f] for f in before}
    assert foretold_score(before, lines, back)[0] == pytest.approx(-1)
    assert np.isnan(foretold_score(before, lines, before)).all()


def test_what_was_foretold_is_said_and_scored(reads, lesson):
    looks, foretold = lesson
    before = foretold_figure(reads, [], 0, foretold)
    assert isinstance(before, Figure) and "(90%)" in before.told.title
    assert set(before.frame.row) == {"the Assistant before", "your lines"}
    assert "families dealt anew" not in before.told.words
    after = foretold_figure(reads, looks, 1, foretold)
    assert "its talks, step 8" in set(after.frame.row)
    assert "in 8 steps: r 1 (families dealt anew" in after.told.words
    still = foretold_figure(reads, [looks[0], looks[0] | {"step": 8}], 1, foretold)
    assert "has not moved yet" in still.told.words


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda p: p.name)
def test_a_lesson_is_drawn_at_every_look(reads, talk_study, families, lesson, palette):
    looks, foretold = lesson
    for shown in (0, 1):
        for told in (None, foretold):
            one = lesson_map(reads, looks, shown, told, "UMAP")
            assert isinstance(one, Figure) and len(one.frame) == 2
            assert one.build(palette, None).to_dict(validate=False)
    empty = lesson_map(reads, [], -1, foretold, "UMAP")
    assert "Diamond: your lines" in empty.told.words and empty.build(palette, 560)
    kins = kins_by_step(looks, talk_study.cast, families)
    assert kins.build(palette, 380).to_dict(validate=False)


def test_a_study_without_talks_says_what_makes_them(made_folder, lesson):
    one = lesson_map(Reads(open_study(made_folder)), lesson[0], 1, None, "UMAP")
    assert isinstance(one, Missing)
