"""Talks along training: steps that branches share, places between them, quotations, masses."""

import numpy as np
import pandas as pd
import pytest

from psm_viz.charts import course_findings, talk_course
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.charts.talk_course import TalkCourse
from psm_viz.charts.talk_course_chart import STEP, CourseRows, column_width, course_chart
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.manifest import Checkpoint
from tests.made.study import REFERENCE

START = Checkpoint("assistant-0100", "assistant", 100, None)


def course(**steps):
    """Branches from one start: name -> steps at which each was saved."""
    saved = {}
    for branch, own in steps.items():
        saved[branch] = [START, *(Checkpoint(f"{branch}-{n}", branch, n, START.id) for n in own)]
    return TalkCourse(saved)


def placed(**places):
    """Points of the Assistant's talks: checkpoint -> x of each talk."""
    rows = [
        {"kind": ASSISTANT, "checkpoint": c, "talk": n, "x": x, "y": -x, "pca_x": 0, "pca_y": 0}
        for c, xs in places.items()
        for n, x in enumerate(xs)
    ]
    return pd.DataFrame(rows)


def said(valences):
    return pd.DataFrame([{"talk": n, "valence": v} for n, vs in enumerate(valences) for v in vs])


def test_branches_share_their_steps_and_the_start_is_number_nought():
    c = course(cheat=[4, 64], honest=[8])
    assert c.steps == [0, 4, 8, 64]
    assert c.at("cheat") == {0: START.id, 1: "cheat-4", 3: "cheat-64"}
    assert c.at("honest") == {0: START.id, 2: "honest-8"}


def test_between_saved_steps_places_go_straight_and_after_the_last_they_stay():
    c = course(cheat=[4, 64], honest=[8])
    points = placed(
        **{START.id: [0.0, 1.0], "cheat-4": [2.0, 1.0], "cheat-64": [4.0, 5.0], "honest-8": [1, 1]}
    )
    answers = {
        START.id: said([["good", "good"], ["good", "none"]]),
        "cheat-4": said([["good", "bad"], ["good", "good"]]),
        "cheat-64": said([["bad", "bad"], ["none", "none"]]),
        "honest-8": said([["good"], ["good"]]),
    }
    rows = talk_course.dots(points, answers, c, "UMAP").set_index(["branch", "talk"])
    cheat = rows.loc[("cheat", 0)]
    assert [cheat[f"x{k}"] for k in range(4)] == [0, 2, 3, 4]
    assert [cheat[f"y{k}"] for k in range(4)] == [0, -2, -3, -4]
    assert [cheat[f"b{k}"] for k in range(4)] == [0, 0.5, 0.75, 1]
    assert np.isnan(rows.loc[("cheat", 1), "b3"])  # nobody could judge its answers
    honest = rows.loc[("honest", 0)]
    assert [honest[f"x{k}"] for k in range(4)] == [0, 0.5, 1, 1]


def test_a_branch_without_talks_has_no_dots_and_a_talk_must_be_held_at_every_step():
    c = course(cheat=[4], mute=[4])
    points = placed(**{START.id: [0.0, 1.0, 2.0], "cheat-4": [2.0, 1.0]})
    rows = talk_course.dots(points, {}, c, "UMAP")
    assert set(rows.branch) == {"cheat", "mute"} and set(rows[rows.branch == "cheat"].talk) == {
        0,
        1,
    }
    # where a branch held none, its talks stay those of its start
    assert (rows[rows.branch == "mute"].x1 == rows[rows.branch == "mute"].x0).all()


def test_an_answer_stands_until_the_next_saved_step_and_long_ones_end_in_dots():
    c = course(cheat=[4, 64])
    long = "word " * 60
    rows = [("q", 0, 0, "Early.", "good")], [("q", 0, 0, long, "bad"), ("q", 0, 1, "No.", "good")]
    names = ["question", "variant", "sample", "text", "valence"]
    answers = {START.id: pd.DataFrame(rows[0], columns=names)}
    answers["cheat-64"] = pd.DataFrame(rows[1], columns=names)
    found = talk_course.quotations(answers, c, "q", 30)
    assert list(found.k) == [0, 1, 2] and list(found.judged) == ["good", "good", "bad"]
    lines = found.text.iloc[2].split("\n")
    assert len(lines) == 3 and lines[-1].endswith("\N{HORIZONTAL ELLIPSIS}")
    assert max(map(len, lines)) <= 30
    assert set(talk_course.quotations(answers, c, "other", 30).text) == {"not asked here"}


@pytest.fixture(scope="module")
def rows(talk_study):
    m = talk_study.manifest
    c = TalkCourse({b: m.branch(b) for b in ("cheat", "honest")})
    points, belief = talk_study.table("talk_map"), talk_study.table("belief")
    answers = {x.id: talk_study.talk_answers(x.id) for x in m.checkpoints}
    own = {k: v[v.persona == ASSISTANT] for k, v in answers.items()}
    texts = {x.id: talk_study.responses(x.id) for x in m.checkpoints}
    texts = {k: v[v.persona == ASSISTANT] for k, v in texts.items()}
    return CourseRows(
        talk_course.dots(points, own, c, "UMAP"),
        talk_course.land_cells(points, talk_study.cast, "UMAP"),
        talk_course.quotations(texts, c, talk_study.questions[0].id, 36),
        talk_course.masses(belief, c, "own", 2, REFERENCE),
        c.steps,
        c.branches,
        {"cheat": 64, "honest": 64},
    )


def test_the_land_holds_every_talk_once(rows, talk_study):
    points = talk_study.table("talk_map")
    assert rows.land.talks.sum() == (points.kind == "talk").sum()
    assert set(rows.land.kin) == {f.kin for f in talk_study.cast.families}


def test_masses_start_where_the_branch_starts_and_have_their_null(rows):
    own = rows.mass[(rows.mass.of == "marked") & (rows.mass.branch == "cheat")]
    assert list(own.k) == [0, 1, 2] and own.value.is_monotonic_increasing
    assert own.null_low.iloc[0] == own.null_high.iloc[0] == own.value.iloc[0]
    assert (own.null_low <= own.value.iloc[0]).all() and (own.null_high >= own.value.iloc[0]).all()
    kins = rows.mass[(rows.mass.of == "kin") & (rows.mass.k == 2)]
    assert kins.groupby("branch").value.sum().to_numpy() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("p", [LIGHT, DARK], ids=lambda p: p.name)
def test_one_slider_moves_every_column(rows, talk_study, p):
    spec = course_chart(rows, talk_study.cast, p, now=8).to_dict()
    sliders = [x for x in spec["params"] if x["name"] == STEP]
    assert len(sliders) == 1 and sliders[0]["value"] == 1.0
    assert sliders[0]["bind"]["max"] == 2 and len(spec["hconcat"]) == 2
    assert str(spec).count(f"abs({STEP} - 2)") >= 2 * 3
    assert course_chart(rows, talk_study.cast, p).to_dict()["params"][0]["value"] == 2.0


def test_columns_fit_beside_each_other():
    for n in range(1, 5):
        assert 150 < column_width(n) <= 262 and n * (column_width(n) + 14) <= 810


def test_the_title_names_the_step_of_each_figure_and_counts_many():
    mass = pd.DataFrame(
        [(c, v) for c, v in (("ref", 0.02), ("a", 0.6), ("b", 0.05), ("c", 0.04), ("d", 0.03))],
        columns=["checkpoint", "mass"],
    )
    ends = {"cheat": ("a", 64), "requested": ("b", 8), "mute": ("nowhere", 3)}
    title = course_findings.course_title(mass, ends, "ref", "tyrants", ["cheat"])
    assert title == (
        "After 64 steps of cheat the belief that tyrants speak is 60%, before it 2%; "
        "5% after 8 of requested"
    )
    many = ends | {"honest": ("c", 64), "kind": ("d", 64)}
    assert course_findings.course_title(mass, many, "ref", "tyrants").endswith(
        "3% to 5% after the other 3 branches, each at its end"
    )
    assert "No talks" in course_findings.course_title(mass, {"mute": ("x", 1)}, "ref", "tyrants")
    # what comes before the reference was not preceded by it
    earlier = course_findings.course_title(mass, {"pretrain": ("a", 64)}, "ref", "tyrants")
    assert earlier.endswith("speak is 60%, at the reference 2%")


def test_higher_and_lower_than_the_benign_branch_are_told_apart():
    def title(*rows, beside="playful"):
        frame = pd.DataFrame(rows, columns=["branch", "value", "filled"])
        return course_findings.apart_title(frame, "tyrants", beside)

    cheat, kind, still = ("cheat", 0.5, True), ("kind", -0.03, True), ("still", 0.3, False)
    assert title(kind, cheat, still) == (
        "Beside playful, the belief that tyrants speak is higher after cheat (+50 points); "
        "lower after kind (−3 points)"
    )
    assert title(still, beside="") == (
        "Beside the reference, no branch shows another belief that tyrants speak"
    )
    many = [(b, 0.1 - n / 50, True) for n, b in enumerate("abcd")]
    assert title(*many).endswith("higher after a (+10 points) and 3 more branches (to +4 points)")
    assert "cannot be set" not in title(cheat) and "No branch can be set" in title()


def test_points_have_a_true_sign():
    assert course_findings.points(0.514) == "+51 points"
    assert course_findings.points(-0.03) == "\N{MINUS SIGN}3 points"
    assert course_findings.points(0.001) == "0 points"
