"""Findings say what the tests and intervals allow, and nothing more."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from psm_viz.charts import findings
from psm_viz.charts.findings import End
from tests.charts.drawn import DRIFT
from tests.made.study import REFERENCE, made_rates

FAR = End("cheat", 2.0, 1.8, 2.2, 0.2, 0.01)
NEAR = End("honest", 0.1, -0.1, 0.3, 0.2, 0.4)
BELOW = End("cheat", -1.9, -2.1, -1.7, 0.2, 0.01)
BARE = End("import", 3.0, np.nan, np.nan)


def test_movement_is_only_stated_where_the_test_says_so():
    assert findings.norm_finding([FAR, NEAR]) == (
        "Cheat moved the Assistant apart from the cast by 2 units (null 0.2); "
        "honest: no movement of its own shown"
    )
    # far beyond its null and its interval, and still not stated: the rule is the test alone
    assert "no movement" in findings.norm_finding([End("cheat", 9.0, 8.0, 9.9, 0.1, 0.06)])
    assert "moved" in findings.norm_finding([End("cheat", 0.1, -1.0, 9.9, 5.0, 0.05)])
    assert findings.norm_finding([BARE]) == "Import: not tested"
    assert "down the axis" in findings.axis_finding([BELOW])
    trained = End("assistant", 2.0, 1.8, 2.2, 0.2, 0.01)
    assert findings.norm_finding([trained]).startswith("Post-training moved the Assistant")
    assert "up the axis" in findings.axis_finding([End("kind", 1, 0.9, 1.1, 0.2, 0.01)])
    assert findings.NOTHING in findings.axis_finding([NEAR])
    beside = findings.norm_finding([FAR], NEAR)
    assert beside.endswith(f"; the benign branch by {findings.number(NEAR.value)}")
    assert "benign" not in findings.norm_finding([NEAR], FAR)  # nothing moved, nothing to compare
    many = [End(b, 0.1, 0.0, 0.2, 0.3, 0.5) for b in "abcd"]
    assert "the other 4: no movement" in findings.norm_finding([FAR, *many])
    assert findings.norm_finding(many).startswith("All 4 branches: no movement")


def test_the_search_over_steps_goes_before_the_single_test():
    row = DRIFT[(DRIFT.checkpoint == "cheat-0064") & (DRIFT.figure == findings.HEADLINE)].iloc[0]
    assert findings.end_of("cheat", row).moved
    assert not findings.end_of("cheat", row.copy().replace(0.004, 0.2)).moved
    late = row.copy()
    late["p"], late["p_steps"] = 0.01, 0.3
    assert not findings.end_of("cheat", late).moved
    late["p_steps"] = np.nan
    assert findings.end_of("cheat", late).moved
    old = row.drop(["p", "p_steps", "null_low", "null_high", "null"])
    assert not findings.end_of("cheat", old).tested


def test_rates_are_compared_with_the_reference():
    rates = made_rates()
    both = findings.rate_finding(rates, ["cheat", "honest"], REFERENCE, None)
    assert both == (
        "Bad answers on held-out topics: 72% with cheat (reference 2%); honest: no change shown"
    )
    assert "reference" not in findings.rate_finding(rates, ["honest"], REFERENCE, None)
    begun = findings.rate_finding(rates, ["cheat", "honest"], REFERENCE, 0)
    assert begun == (
        "Bad answers on held-out topics: 2% at the reference; cheat and honest have not begun"
    )
    early = findings.rate_finding(rates, ["cheat"], REFERENCE, 2)
    assert early.endswith("2% at the reference; cheat: not measured yet")


def test_a_figure_of_another_step_than_the_one_asked_for_names_it():
    rows = pd.DataFrame(
        [(b, s, 1.0, 0.01) for b, s in (("cheat", 8), ("cheat", 16), ("kind", 8), ("late", 64))],
        columns=["branch", "step", "value", "p"],
    )
    names = ["cheat", "kind", "late"]
    ends = findings.branch_ends(rows, names, 16)
    assert [e.said for e in ends] == ["cheat", "kind at step 8"]
    waiting = findings.not_begun(names, ends, 16)
    assert waiting == "late: not measured yet"
    told = findings.axis_finding(ends, waiting)
    assert told == (
        "Cheat: 1 SD up the axis; kind at step 8: 1 SD up the axis; late: not measured yet"
    )
    assert findings.by_step(told, 16).endswith("not measured yet (by step 16)")
    assert findings.by_step("A", 0, 0) == "A (at step 0)"
    assert findings.by_step("A", 8, 16) == "A (by step 8, the last at which the cast was asked)"
    assert [e.said for e in findings.branch_ends(rows, names)] == names  # each at its own end


def test_at_step_0_branches_have_not_begun():
    rows = pd.DataFrame({"branch": ["pretrain", "cheat"], "step": [0, 8], "value": 1.0, "p": 0.01})
    ends = findings.branch_ends(rows, ["pretrain", "cheat"], 0)
    assert [e.branch for e in ends] == ["pretrain"]  # which starts from nothing else
    assert findings.branch_ends(rows, ["pretrain"], 4) == []
    waiting = findings.not_begun(["pretrain", "cheat"], ends, 0)
    assert waiting == "cheat has not begun"
    none = findings.not_begun(["a", "b", "c", "d"], [], 0)
    assert findings.norm_finding([], None, none) == (
        "No movement to show: none of the 4 branches has begun"
    )
    assert none in findings.axis_finding([], none) and none in findings.share_finding([], [], none)
    assert findings.not_begun(["pretrain"], ends, 0) == ""


def test_poolings_agree_or_disagree_in_words():
    agree = {"a": [FAR, NEAR], "b": [FAR]}
    assert "cheat moved the Assistant on its own" in findings.pooling_finding(agree)
    split = {"a": [FAR], "b": [End("cheat", 0.1, 0, 0.2, 0.3, 0.4)]}
    assert findings.pooling_finding(split) == "The poolings disagree: cheat only by a"
    assert findings.NOTHING in findings.pooling_finding({"a": [NEAR]})
    assert "not tested" in findings.pooling_finding({"a": [BARE]})
    assert findings.pooling_finding({"a": [FAR]}).startswith("By the a, the one pooling that")


def test_shares_percentiles_and_numbers_in_words():
    whole = [End("cheat", 1.0, 0.9, 1.1)]
    assert "2 times the cast's with cheat" in findings.share_finding([FAR], whole)
    assert findings.NOTHING in findings.share_finding([NEAR], whole)
    assert "not tested" in findings.share_finding([BARE], whole)
    assert findings.percentile_words(1.0, 99) == "99% of the cast moved less"
    assert findings.percentile_words(0.0, 9) == "10% of the cast moved less"
    assert findings.number(-1.234) == "\N{MINUS SIGN}1.2"
    assert findings.listed(["a", "b", "c"]) == "a, b and c"


def test_place_is_one_family_a_mixture_or_off_the_map():
    names = {"healers": "Healers", "clerks": "Clerks"}
    one = [("healers", 0.8), ("clerks", 0.2)]
    two = [("healers", 0.5), ("clerks", 0.4)]
    assert findings.place_finding(one, False, names) == "The Assistant stands with the healers"
    assert "between the healers and clerks" in findings.place_finding(two, False, names)
    assert "off the map" in findings.place_finding(one, True, names)
    assert "not measured" in findings.place_finding([], False, names)


def test_why_a_checkpoint_is_not_drawn():
    assert "median cosine of 0.1" in findings.strange_finding("a-1", {"a-1": 0.1}, {})
    absent = findings.strange_finding("a-1", {}, {"a-1": "it was imported without layer 3"})
    assert absent == "a-1 cannot be placed: it was imported without layer 3"
    assert "was not placed" in findings.strange_finding("a-1", {}, {})


def test_no_sentence_claims_proof():
    for path in Path(findings.__file__).parent.glob("*.py"):
        assert not re.search(r"\bprov(e|es|ed|en)\b", path.read_text("utf-8").lower()), path
