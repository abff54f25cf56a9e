"""What a movement is made of: rows that a test shows are filled, controls stand apart."""

import numpy as np
import pytest

from psm_viz.charts import dot_chart, drift_details, findings
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.stats.family_posterior import NONE
from tests.charts.drawn import CAST, DRIFT, EVERY, TABLES, ends, spec


def test_ends_have_their_own_nulls_and_the_controls_come_last():
    rows = ends()
    assert list(rows.label) == ["cheat", "honest", "benign (playful)", "noise floor"]
    assert list(rows.filled) == [True, False, False, False]
    assert list(rows.quiet) == [False, False, True, True]
    assert rows.null_high.notna().all()
    # chosen or not, the benign branch is the same control
    assert list(ends(["playful", "cheat"]).label) == ["cheat", "benign (playful)", "noise floor"]
    assert [e.branch for e in drift_details.ends_of(rows)] == ["cheat", "honest"]
    drawn = spec(dot_chart.dot_chart(rows, LIGHT))
    marks = [layer["mark"] for layer in drawn["layer"] if layer["mark"]["type"] == "point"]
    assert {(m["stroke"], m["fill"] == LIGHT.paper) for m in marks} == {
        (LIGHT.accent, False),
        (LIGHT.accent, True),
        (LIGHT.ink, True),
    }
    bare = ends(drift=DRIFT.assign(low=np.nan, high=np.nan, p=np.nan, p_steps=np.nan))
    assert not bare.filled.any() and all("not tested" in n for n in bare.note)
    assert spec(dot_chart.dot_chart(bare, LIGHT))


def test_p_values_in_words():
    assert drift_details.p_words(0.0004) == "p < .001" and drift_details.p_words(0.03) == "p .03"
    assert drift_details.p_words(float("nan")) == "" and drift_details.p_words(1.0) == "p 1"


def test_traits_say_what_their_tests_say():
    traits = drift_details.trait_rows(TABLES["traits"], "cheat-0064", "prompt_last")
    assert list(traits.label[:2]) == ["honesty", "care"] and list(traits.filled[:2]) == [True] * 2
    assert drift_details.trait_finding(traits, "cheat") == (
        "Cheat: consistent with less honesty and care, more boldness"
    )
    still = drift_details.trait_rows(TABLES["traits"], "honest-0064", "prompt_last")
    assert not still.filled.any() and findings.NOTHING in drift_details.trait_finding(
        still, "honest"
    )
    assert "not tested" in drift_details.trait_finding(traits.assign(p=np.nan), "cheat")
    assert spec(dot_chart.dot_chart(traits, DARK)) and dot_chart.spoken(traits)


def test_families_say_which_characters_it_is_like():
    names = {f.id: f.name for f in CAST.families}
    families = drift_details.posterior_rows(
        TABLES["posterior"], TABLES["exact_families"], "cheat-0064", "prompt_last", names
    )
    assert families.label.iloc[0] == "Saboteurs" and families.label.iloc[-1] == NONE
    assert len(families) <= 7 and families.quiet.sum() == 1
    assert "consistent with the saboteurs" in drift_details.posterior_finding(families, "cheat")
    assert families.tick.iloc[0] == pytest.approx(families.value.iloc[0] - 0.03)
    calm = drift_details.posterior_rows(
        TABLES["posterior"], None, "honest-0064", "prompt_last", names
    )
    assert calm.tick.isna().all()  # no exact observer
    assert "no family holds most" in drift_details.posterior_finding(calm, "honest")
    assert spec(dot_chart.dot_chart(families, DARK)) and dot_chart.spoken(families)


def test_the_arrow_says_which_branches_went_its_way():
    every = ["cheat", "honest"]
    arrow = drift_details.arrow_rows(
        TABLES["evidence_scores"], "cheat", "prompt_last", every, EVERY
    )
    assert list(arrow.label) == every and list(arrow.filled) == [True, False]
    said = drift_details.arrow_finding(arrow, "cheat")
    assert "written before training" in said and "honest: not told from chance" in said
    late = arrow.assign(written_before=False)
    assert "written before" not in drift_details.arrow_finding(late, "cheat")
    assert spec(dot_chart.dot_chart(arrow, DARK)) and dot_chart.spoken(arrow)


def test_effects_say_where_the_shift_lies():
    effects = drift_details.effect_rows(TABLES["words_or_weights"], "cheat")
    assert list(effects.label) == ["the weights", "the words", "both together"]
    assert "mostly in the weights (70%)" in drift_details.effect_finding(effects, "cheat")
    wide = effects.assign(low=0.1)
    assert "neither" in drift_details.effect_finding(wide, "cheat")
    assert spec(dot_chart.dot_chart(effects, DARK)) and dot_chart.spoken(effects)
