"""How far belief can be trusted: the right kin beside nulls, and whether it means what it says."""

import numpy as np
import pandas as pd
import pytest

from psm_viz.charts import belief_trust
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.study.talks import families_in
from tests.made.study import REFERENCE


def test_readings_stand_above_their_nulls(talk_study):
    quality = talk_study.table("belief_quality")
    rows = belief_trust.told_rows(quality, REFERENCE, 2).set_index("label")
    assert list(rows.index)[:3] == [belief_trust.WAYS[w] for w in ("exact", "likelihood", "own")]
    assert rows.loc["the model's inner state"].value > 0.6 and rows.iloc[0].filled
    assert rows.loc["families dealt out anew"].value < 0.5
    assert not rows.loc["families dealt out anew"].filled and rows.iloc[0].note == "Brier 0.002"
    title = belief_trust.told_finding(quality, REFERENCE, 2, "own")
    assert title.startswith("After 2 answers belief names the right kin of ") and "chance" in title


def test_where_who_speaks_is_known_belief_means_what_it_says(talk_study):
    beliefs = talk_study.table("beliefs")
    families = families_in(beliefs, talk_study.cast)
    rows = belief_trust.meant_rows(beliefs, talk_study.cast, families, REFERENCE, 2)
    assert set(rows.way) == {belief_trust.WAYS[w] for w in belief_trust.READ}
    for _, own in rows.groupby("way"):
        assert own.n.sum() == 200 * len({f.kin for f in talk_study.cast.families})
        assert np.average((own.y - own.x) ** 2, weights=own.n) < 0.01


def test_mixtures_have_their_spread_and_changes_are_no_mixtures():
    trials = pd.DataFrame(
        [
            ("states", "mixture", 0.25, 0.22, 0.04),
            ("likelihood", "mixture", 1.0, 0.99, 0.02),
            ("made, d 576", "mixture", 0.25, 0.25, 0.01),
            ("states", "change from 0", 0.0, 0.05, 0.0),
        ],
        columns=["data", "plant", "size", "mean", "sd"],
    ).assign(n=40)
    rows = belief_trust.planted_rows(trials)
    assert list(rows.x) == [0.25, 1.0] and list(rows.y) == [0.22, 0.99]
    assert belief_trust.planted_finding(rows).endswith("on average, within 3.0 points")
    assert rows.low.iloc[0] == pytest.approx(0.14) and rows.high.iloc[1] == 1.0


def trials(rate, low):
    """A study's trials of changes from none: no change called in `rate`, a real one in .9."""
    made = [
        (data, f"change from {started}", size, rate if size == 0 else 0.9)
        for data in ("states", "likelihood", "made, d 576")
        for started in ("0", "0.25")
        for size in (0.0, 0.05, 0.1)
    ]
    table = pd.DataFrame(made, columns=["data", "plant", "size", "mean"])
    mixed = pd.DataFrame([("states", "mixture", 0.0, 0.02)], columns=table.columns)
    return pd.concat([table, mixed], ignore_index=True).assign(sd=0.0, low=low, high=0.99, n=100)


def test_changes_that_are_none_stand_beside_the_rule():
    changes = belief_trust.change_rows(trials(0.06, 0.03))
    assert len(changes) == 18 and set(changes.started) == {0.0, 0.25}
    rows = belief_trust.still_rows(changes)
    assert len(rows) == 4 and set(rows.data) == {"states", "likelihood"} and rows.filled.all()
    assert set(rows.note) == {"+5: 90%"}
    quiet = belief_trust.still_finding(rows)
    assert quiet.endswith("is called in 6% of trials; the rule is 5%")
    loud = trials(0.06, 0.03)
    loud.loc[(loud["data"] == "states") & (loud["size"] == 0), ["mean", "low"]] = (0.1, 0.055)
    rows = belief_trust.still_rows(belief_trust.change_rows(loud))
    assert belief_trust.still_finding(rows) == (
        "Where nothing changed, a change of belief is called in 6% to 10% of trials; the rule is "
        "5%, and too many are called by the model's inner state"
    )


@pytest.mark.parametrize("p", [LIGHT, DARK], ids=lambda p: p.name)
def test_marks_stand_against_the_diagonal(p):
    rows = pd.DataFrame({"way": ["a", "b"], "x": [0.1, 0.9], "y": [0.2, 0.8], "n": [5, 6]})
    spec = belief_trust.diagonal_chart(rows, p, ("said", "so"), (300, 200)).to_dict()
    assert len(spec["layer"]) == 2 and spec["width"] == 300
    with_ends = belief_trust.diagonal_chart(rows.assign(low=0.0, high=1.0), p, ("said", "so"))
    assert len(with_ends.to_dict()["layer"]) == 3
