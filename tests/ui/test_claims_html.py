"""The words of the Claims page: reasons of a verdict, controls, claims with nothing measured."""

from dataclasses import replace

from psm_viz.charts import claim_words
from psm_viz.charts.claims import claim_table
from psm_viz.claims.verdict import CONSISTENT, UNDECIDED, Beside, Claim, Measure, Picture
from psm_viz.ui import claims_html
from tests.made.claims import made_claims

MADE = {c.id: c for c in made_claims()}


def test_reasons_are_given_in_words():
    assert claims_html.why(MADE["updating"]) == "2 seeds of the 3 needed"
    assert claims_html.why(MADE["cast"]) == "2 of 3 seeds beyond the bar; the rival lacks seeds"
    assert claims_html.why(MADE["narrow"]) == "every seed is beyond every bar"
    assert claims_html.why(MADE["requested"]) == "no seed is beyond the bar"


def test_a_control_is_called_one_and_missing_it_is_the_reason():
    narrow = MADE["narrow"]
    for seeds, said in (
        ((0, 1, 2), "the control is not passed"),
        ((0, 1), "the control lacks seeds"),
    ):
        control = Measure("the planted branch", dict.fromkeys(seeds, 0.1), 0.5, control=True)
        claim = replace(narrow, rivals=(control,))
        assert claim.verdict == UNDECIDED and claims_html.why(claim) == said
        assert "Control: the planted branch" in claims_html.rival_html(claim)[1]
        parts = claim_table([claim])
        assert list(parts[parts.figure == "the planted branch"].part) == ["control"]
    passed = replace(narrow, rivals=(Measure("x", {0: 0.9, 1: 0.9, 2: 0.9}, 0.5, control=True),))
    assert passed.verdict == CONSISTENT


def test_odd_claims_are_said_in_words():
    none = Measure("nothing", {}, 0.5)
    picture = Picture("dots", "Nothing yet", "", ())
    c = Claim("a b/c", "A", "b.", none, "d.", (), "e.", picture)
    assert claim_words.key_of(c) == "claim-a-b-c"
    assert "Not measured yet" in claims_html.measure_html(none)
    assert claims_html.why(c) == "no seeds of the 3 needed"
    empty = Measure("no topics", {}, 0.5, True, float("nan"), float("nan"))
    for m in (empty, Measure("no ratio", {0: float("nan")}, 0.5)):
        assert "nan" not in claims_html.measure_html(m)


def test_what_a_verdict_does_not_say_stands_on_its_card():
    plain = MADE["narrow"]
    assert not claims_html.aside_html(plain) and "But:" not in claims_html.head_html(plain)
    seeds = {0: 0.1, 1: 0.2, 2: 0.3}
    read = [Beside("belief", seeds, by=by) for by in ("the words", "the states")]
    beside = (Beside("the base < that", seeds), Beside("unread", {}), *read)
    claim = replace(plain, beside=beside, caveat="the base does it too.", answer="it does")
    assert "<b>But:</b> the base does it too." in claims_html.head_html(claim)
    said = claims_html.aside_html(claim)
    assert "The base &lt; that: 0.2 (" in said and "over new seeds)" in said
    assert "Unread: not measured yet" in said and "No verdict rests on" in said
    # the same figure read in several ways is one line
    assert said.count("<li>") == 3 and said.count("Belief:") == 1
    assert "0.2 by the words (" in said and "; 0.2 by the states (" in said
    assert "The claim: it does" in claims_html.table_html([claim])
    table = claim_table([claim])
    assert list(table[table.part == "beside"].figure) == [
        *("the base < that", "unread", "belief, by the words", "belief, by the states")
    ]
    assert claim.verdict == plain.verdict
