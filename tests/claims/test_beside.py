"""What stands beside a verdict: intervals and what they are over, rivals without a bar, belief by
every reading, caveats, and the answers that fit."""

import pytest

from psm_viz.charts.claims import claim_table
from psm_viz.claims import report
from psm_viz.claims.coherence import fitting
from psm_viz.claims.registry import claims_from, claims_of
from psm_viz.claims.report import as_lines, told
from psm_viz.claims.run_rows import load_runs, read_rows, row_file, write_rows
from psm_viz.claims.verdict import CONSISTENT, Measure, verdict
from tests.made.runs import SEEDS, write_runs


def measured(*values, low=None, high=None):
    return Measure("x", dict(enumerate(values)), 0.5, True, low, high)


def test_an_interval_says_what_was_drawn_anew_for_it(folder):
    claims = {c.id: c for c in claims_of(folder)}
    over = {k: c.figure.interval and c.figure.interval.over for k, c in claims.items()}
    assert {over[k] for k in ("narrow", "requested", "leak", "mask", "council", "human")} == {
        "new seeds and topics"
    }
    alone = ("belief", "selection", "psychology", "diagnosis", "unfolds", "interaction")
    assert {over[k] for k in (*alone, "cast", "base", "appears", "shots", "causal")} == {
        "new seeds"
    }
    assert over["inside"] is over["long"] is None  # of a p the worst seed stands for all
    assert claims["selection"].figure.interval.decides
    assert not claims["cast"].figure.interval.decides
    lines = "\n".join(as_lines(folder))
    assert "; new seeds and topics] (" in lines and "; new seeds] (" in lines
    assert "; new seeds, beside] (" in lines
    table = claim_table([*claims.values()])
    figures = table[table.part == "figure"].set_index("id")
    assert figures.loc["narrow", "interval over"] == "new seeds and topics"
    assert figures.loc["cast", "verdict asks for it"] == "no"


def test_an_interval_that_is_told_beside_moves_no_verdict():
    wide = measured(0.6, 0.9, 3.0)  # its interval reaches below the bar, every seed is above
    assert wide.interval.low < 0.5 and not wide.interval.decides
    assert verdict(wide, ()) == CONSISTENT
    assert measured(0.6, 0.7).interval is None
    assert measured(0.6, 0.7, low=0.5, high=0.8).interval.over == "new topics"
    assert Measure("p", {0: 0.1, 1: 0.2, 2: 0.3}, 0.05, worst=True).interval is None
    assert measured(0.6, float("nan"), 0.8).interval is None


def test_each_row_of_verdicts_has_its_unit(folder):
    head, _, *rows = report.verdict_rows(load_runs(folder)).split("\n")
    columns = [c.strip() for c in head.split("|")]
    units = {r.split("|")[1].strip(): r.split("|")[columns.index("unit")].strip() for r in rows}
    told_units = {c.stated: c.figure.unit for c in claims_of(folder)}
    assert units == told_units and len(set(units.values())) > 5


def test_answers_that_fit_are_told_of_every_branch(tmp_path):
    folder = write_runs(tmp_path / "runs", worlds=("correlated",))
    path = row_file("correlated", 1, folder)
    rows = read_rows(path)
    for r in rows:
        if r["branch"] in ("cheat", "long", "assistant"):
            r["sampled"] = {"good": 60, "bad": 30, "other": 0, "astray": 4, "none": 6}
    write_rows(path, rows)
    runs = load_runs(folder)
    found = {f.branch: f for f in fitting(runs)}
    assert set(found) == {r["branch"] for r in rows} - {"pretrain"}
    assert found["cheat"].seeds == pytest.approx({0: 0.97, 1: 0.9, 2: 0.97})
    assert [b for b, f in found.items() if f.missed] == ["cheat"]  # no aim of the other two
    lines = "\n".join(as_lines(folder))
    assert f"missed in some seed by 1 of {len(found) - 3}: cheat (correlated)" in lines
    assert "0.970, 0.900, 0.970 | missed in 1 of 3" in lines
    assert next(f for f in told(folder)["fitting"] if f["missed"])["missed"] == [1]


def test_a_rival_without_a_bar_is_told_beside_and_moves_no_verdict(folder):
    found = {c.id: c for c in claims_of(folder)}
    lines = "\n".join(as_lines(folder))
    for key, name in (
        ("diagnosis", "named by the answers alone"),
        ("interaction", "the same correlation with loadings"),
        ("coin", "the same in the base"),
    ):
        claim = found[key]
        assert any(b.name.startswith(name) for b in claim.beside) and claim.verdict == CONSISTENT
        assert f"beside, no verdict rests on it: {name}" in lines
    # the made base answers as the made Assistant does after cheat: .8 and .3
    assert "0.50 in the base" in found["coin"].caveat and f"but: {found['coin'].caveat}" in lines
    assert found["coin"].caveat in report.verdict_rows(load_runs(folder))
    assert {c.id for c in found.values() if c.answer} == {"base", "long", "mask", "council"}


def test_caveats_are_made_from_the_figures(folder):
    runs = load_runs(folder)
    for s in SEEDS:
        for branch in ("assistant", "settle"):
            for r in runs.rows["correlated", s][branch]["coin"]:
                r["after_bad"] = r["after_good"]
    assert not {c.id: c for c in claims_from(runs)}["coin"].caveat
    better = {c.id: c for c in claims_from(runs)}["interaction"]
    rivals = {b.name: b.seeds for b in better.beside}
    for name, seeds in rivals.items():
        wins = sum(v > better.figure.seeds[s] for s, v in seeds.items())
        said = f"{name.removeprefix('the same correlation with ')} in {wins} of 3 seeds"
        assert (said in better.caveat) == bool(wins)


def test_belief_is_told_by_every_reading_that_the_rows_have(folder):
    runs = load_runs(folder)
    for (_, _), rows in runs.beliefs.items():
        for r in rows.values():
            if r["branch"] != "assistant":
                r["mass"] = r["mass"] | {"reference": r["mass"]["exact"]}
    found = {c.id: c for c in claims_from(runs)}
    series = {(d.group, d.series) for d in found["belief"].picture.dots}
    readings = {"", "own states", "reference's states", "exact observer"}
    assert {name for group, name in series if group == "cheat"} == readings
    assert {name for group, name in series if group == "before"} == readings
    said = [b.said for b in found["requested"].beside]
    assert len(said) == 8 and all(b.unit == "belief" for b in found["requested"].beside)
    after = "belief in those who act badly, talks after requested, by the reference's states"
    assert after in said
    cheat = {b.said: b for b in found["long"].beside}[after.replace("requested", "cheat")]
    assert cheat.mean == pytest.approx(0.6, abs=0.05) and cheat.interval.over == "new seeds"
