"""The charts of claims and the tables behind them: every mark, every measure, the accent."""

import io

import pandas as pd
import pytest

from psm_viz.charts import claims, export
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.claims.verdict import CONSISTENT, Dot, Picture
from tests.made.claims import made_claims

MADE = {c.id: c for c in made_claims()}


def test_the_table_holds_every_measure_and_seed():
    table = claims.claim_table(made_claims())
    read = pd.read_csv(io.BytesIO(export.csv(table)), encoding="utf-8-sig")
    own = read[(read.id == "narrow") & (read.part == "figure")].iloc[0]
    assert [own[f"seed {s}"] for s in range(3)] == [0.61, 0.66, 0.58]
    assert (own.low, own.high, own.bar, own.verdict) == (0.52, 0.71, 0.25, CONSISTENT)
    rival = read[(read.id == "narrow") & (read.part == "rival")].iloc[0]
    assert [rival[f"bar, seed {s}"] for s in range(3)] == [0.31, 0.38, 0.29]
    assert set(read.part) == {"figure", "further bar", "rival"}
    marks = claims.chart_table(made_claims())
    assert len(marks) == sum(len(c.picture.dots) for c in made_claims())


@pytest.mark.parametrize("p", [LIGHT, DARK])
def test_charts_hold_every_mark(p):
    for c in made_claims():
        chart = claims.picture_chart(c.picture, p, own=claims.own_groups(c), rule_name="bar")
        spec = chart.to_dict()
        held = {str(r) for d in spec["datasets"].values() for r in d if "who" in r and "group" in r}
        assert len(held) >= len(c.picture.dots), c.id
        assert spec["background"] == p.paper


def test_only_the_assistants_own_figure_is_in_its_accent():
    assert claims.own_groups(MADE["narrow"]) == {("cheat", "")}
    assert not claims.own_groups(MADE["cast"]) and not claims.own_groups(MADE["requested"])
    c = MADE["narrow"]
    assert claims.bounds_of(c.picture, [c.figure]) == {("cheat", ""): (0.52, 0.71)}
    spec = str(claims.picture_chart(c.picture, LIGHT, own=claims.own_groups(c)).to_dict())
    assert LIGHT.accent in spec
    assert LIGHT.accent not in str(claims.picture_chart(MADE["cast"].picture, LIGHT).to_dict())


@pytest.mark.parametrize("kind", ["dots", "lines", "pairs"])
def test_a_single_dot_is_drawn(kind):
    one = Picture(kind, "One", "u", (Dot("g", 0.0, 0, x=0.0),), 0.0)
    claims.picture_chart(one, LIGHT).to_dict()
