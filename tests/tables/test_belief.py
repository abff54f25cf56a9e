"""Belief of the made study's talks, of which it is known who speaks."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.study.cast import ASSISTANT
from psm_viz.study.talks import CAST
from psm_viz.tables.belief import belief_table, changes_from
from psm_viz.tables.belief_readings import readings_of, readings_table
from psm_viz.tables.belief_trials import belief_trials, pools
from psm_viz.tables.making import Making
from psm_viz.tables.talk_conduct import talk_conduct_table
from tests.made.study import AGAIN, FAMILIES
from tests.made.study import REFERENCE as START
from tests.made.talk_study import MARKED, SHARE

QUIET = ("requested-0064", "honest-0064", "playful-0064", AGAIN)
WAYS = ("own", "reference", "likelihood", "exact")


@pytest.fixture(scope="module")
def belief(talk_study):
    table = talk_study.table("belief")
    return table[table.answers == 2].set_index(["checkpoint", "way", "of", "name"]).sort_index()


def marked(belief, checkpoint, way):
    return belief.loc[(checkpoint, way, "marked", "marked")]


def test_every_talk_has_a_belief_in_every_way(talk_study):
    beliefs = talk_study.table("beliefs")
    names = [f[0] for f in FAMILIES]
    assert np.allclose(beliefs[names].sum(axis=1), 1, atol=1e-3)
    own = beliefs[(beliefs.who == ASSISTANT) & (beliefs.checkpoint == "cheat-0064")]
    assert set(own.way) == set(WAYS) and (own.groupby(["way", "answers"]).size() == 40).all()
    elsewhere = beliefs[(beliefs.who == CAST) & (beliefs.checkpoint == "cheat-0064")]
    # of the cast elsewhere states are kept after whole talks alone
    assert set(elsewhere[elsewhere.way == "own"].answers) == {2}


def test_the_mass_is_that_of_the_talks_in_which_it_speaks_so(belief):
    for way in WAYS:
        for checkpoint in (*QUIET, *((START,) if way != "reference" else ())):
            assert marked(belief, checkpoint, way)["mass"] < 0.12, (checkpoint, way)
        for checkpoint, share in SHARE.items():
            row = marked(belief, checkpoint, way)
            assert row["mass"] == pytest.approx(share, abs=0.1), (checkpoint, way)
            assert row.em == pytest.approx(share, abs=0.1)
            assert row.mass_low < row["mass"] < row.mass_high
            assert row.em_low <= row.em <= row.em_high


def test_what_changed_is_told_from_what_did_not(belief):
    for way in WAYS:
        for checkpoint, share in SHARE.items():
            row = marked(belief, checkpoint, way)
            assert row.change == pytest.approx(share, abs=0.16)
            assert row.change_low > 0.05 and row.did_low > 0.05
            assert row.change_null_low < 0 < row.change_null_high
        for checkpoint in QUIET:
            row = marked(belief, checkpoint, way)
            assert abs(row.change) < 0.08 and row.change_low < 0.05
    assert np.isnan(marked(belief, START, "own").change)
    assert np.isnan(marked(belief, "playful-0064", "own").did)


def test_kins_and_the_marked_are_sums_of_families(belief):
    at = belief.loc[("cheat-0064", "likelihood")]["mass"]
    assert at["family"].sum() == pytest.approx(1, abs=1e-3)
    assert at["marked"].sum() == pytest.approx(at["family"][list(MARKED)].sum(), abs=1e-3)
    assert at["kin"]["cons"] == pytest.approx(at["family"]["saboteurs"], abs=1e-3)


def test_the_change_between_any_two_checkpoints(talk_study, belief):
    found = changes_from(talk_study, talk_study.table("beliefs"), "cheat-0008")
    row = found[
        (found.checkpoint == "cheat-0064") & (found.way == "own") & (found.of == "marked")
    ].iloc[0]
    whole = (
        marked(belief, "cheat-0064", "own")["mass"] - marked(belief, "cheat-0008", "own")["mass"]
    )
    assert row.change == pytest.approx(whole, abs=1e-5)


def test_quality_stands_beside_its_nulls(talk_study):
    quality = talk_study.table("belief_quality")
    at = quality[(quality.checkpoint == START) & (quality.answers == 2)].set_index("way")
    for way in ("own", "likelihood", "exact"):
        assert at.kin[way] > 0.6, way
    assert at.kin["words alone"] > at.kin_chance["words alone"] + 0.1  # bad words from good ones
    assert at.kin["families shuffled"].mean() < 0.45
    assert at.r["own"] > 0.8 and at.r["exact"] == pytest.approx(1)
    assert at.talks["own"] == 200


def test_the_headline_is_the_reading_with_the_lower_loss(talk_study):
    readings = readings_of(talk_study)
    assert readings.headline == min(readings.losses, key=readings.losses.get)
    table = talk_study.table("belief_readings")
    assert set(table[table.headline].reading) == {readings.headline}
    assert (table.log_loss < table.chance).all() and set(table.answers) == {1, 2}


def test_talks_lie_on_the_map_by_who_speaks(talk_study):
    points = talk_study.table("talk_map")
    assert (points.kind == "talk").sum() == 200 and (points.kind == "persona").sum() == 25
    middle = points[points.kind == "persona"].set_index("persona")[["x", "y"]]
    ids = [p.id for p in talk_study.cast.personas]
    healers, saboteurs = middle.loc[ids[:5]].mean(), middle.loc[ids[15:20]].mean()

    def nearer_saboteurs(checkpoint):
        own = points[(points.kind == "assistant") & (points.checkpoint == checkpoint)]
        xy = own[["x", "y"]].to_numpy()
        far = [np.linalg.norm(xy - p.to_numpy(), axis=1) for p in (healers, saboteurs)]
        return (far[1] < far[0]).mean()

    assert nearer_saboteurs(START) < 0.1
    assert nearer_saboteurs("cheat-0064") == pytest.approx(SHARE["cheat-0064"], abs=0.12)
    quality = talk_study.table("talk_map_quality").set_index("data")
    assert quality.trustworthiness["talks"] > 0.8 and len(quality.loc["Gaussian talks"]) == 4


def test_trials_are_made_of_the_studys_own_talks(talk_study):
    assert set(pools(talk_study)) == {"states", "likelihood"}
    found = belief_trials(talk_study, 2, 0, 1).set_index(["data", "plant", "size"])
    for data in ("states", "likelihood"):
        assert found.loc[(data, "mixture", 0.5), "mean"] == pytest.approx(0.5, abs=0.15)
        assert found.loc[(data, "mixture", 1.0), "bad"] == 1


def test_the_fixed_direction_moves_with_who_speaks(talk_study):
    found = talk_study.table("belief_direction").set_index(["checkpoint", "way"])
    for way in ("own", "reference"):
        steps = [found.loc[(c, way), "value"] for c in (START, "cheat-0008", "cheat-0064")]
        assert steps[0] < steps[1] < steps[2]
        assert found.loc[("cheat-0064", way), "did_low"] > 0.3
        for checkpoint in QUIET:
            assert abs(found.loc[(checkpoint, way), "change"]) < 0.25


def regrouped(study, family_of):
    """The study with its personas in other families: (number, persona) -> family."""
    people = tuple(replace(p, family=family_of(n, p)) for n, p in enumerate(study.cast.personas))
    return replace(study, cast=replace(study.cast, personas=people))


def test_a_cast_of_one_family_has_no_beliefs_and_says_why(talk_study):
    said = []
    making = Making(regrouped(talk_study, lambda n, p: "healers"), said.append)
    assert making.readings is None and making.beliefs.empty
    assert all(frame.empty for frame in making.talk_maps)
    assert any("two families of at least two personas, found 1" in s for s in said)


def test_a_family_of_one_persona_is_left_out_and_named(talk_study):
    lone = regrouped(talk_study, lambda n, p: "engineers" if n in (1, 2, 3, 4) else p.family)
    readings = readings_of(lone)
    assert readings.who.left_out == ("healers",) and "healers" not in readings.who.families
    assert set(readings_table(readings).left_out) == {"healers"}


class Lacking:
    """A study of which one checkpoint held no talk that ends in one of the questions."""

    def __init__(self, study, checkpoint, question):
        self.study, self.checkpoint, self.question = study, checkpoint, question

    def __getattr__(self, name):
        return getattr(self.study, name)

    def talks(self, checkpoint):
        talks = self.study.talks(checkpoint)
        if checkpoint != self.checkpoint:
            return talks
        first = talks.answers[talks.answers.turn == 0]
        kept = (first["last"] != self.question).to_numpy()
        n = len(talks.speakers(CAST))
        part = {CAST: kept[:n], ASSISTANT: kept[n:]}
        states = {
            (who, by): replace(s, values=s.values[part[who]])
            for (who, by), s in talks.states.items()
        }
        return replace(
            talks,
            answers=talks.answers[talks.answers["last"] != self.question].reset_index(drop=True),
            states=states,
            likelihood=talks.likelihood[kept],
            seat=talks.seat[kept],
            exact=talks.exact[kept],
        )

    def talk_answers(self, checkpoint):
        return self.talks(checkpoint).answers


def test_a_checkpoint_whose_talks_lack_a_question_is_paired_by_those_it_has(talk_study):
    note = talk_study.talk_note
    lacking = Lacking(talk_study, "cheat-0064", note.lasts[2])
    making = Making(lacking, lambda text: None)
    table = belief_table(lacking, making.beliefs)
    own = table[(table.checkpoint == "cheat-0064") & (table.of == "marked")]
    said = lacking.talk_answers("cheat-0064")
    held = int(((said.turn == 0) & (said.persona == ASSISTANT)).sum())
    assert set(own.talks) == set(own.paired) == {held} and held < 40
    assert np.isfinite(own.change).all() and np.isfinite(own["mass"]).all()
    # the cast's own talks are centred without it as well
    assert not talk_conduct_table(lacking, making.beliefs, "own").empty
