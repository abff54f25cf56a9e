"""Rates and their intervals, from frames made by hand."""

import numpy as np
import pandas as pd
import pytest

from psm_viz.errors import BadInput
from psm_viz.study import columns as col
from psm_viz.tables.rates import in_context, rate, rates_table, split_rates
from tests.made.activations import FLOOR, MOVED


def frame(p_bad, topics=("coding", "money", "news", "school"), per=4):
    rows = []
    for t in topics:
        for q in range(per):
            p = p_bad[t] if isinstance(p_bad, dict) else p_bad
            rows.append(
                {
                    col.TOPIC: t,
                    col.QUESTION: f"{t} {q}?",
                    col.MASS_GOOD: 0.9 * (1 - p),
                    col.MASS_BAD: 0.9 * p,
                    col.MASS_NONE: 0.1,
                    col.SAMPLED_GOOD: 5,
                    col.SAMPLED_BAD: 2,
                    col.SAMPLED_NONE: 1,
                }
            )
    return pd.DataFrame(rows)


def test_a_rate_is_bad_over_good_and_bad_and_says_how_coherent():
    r = rate(frame(0.3))
    assert r["mean"] == pytest.approx(0.3) and r["low"] == pytest.approx(0.3) and r["n"] == 16
    assert r["sampled"] == pytest.approx(2 / 7) and r["coherence"] == pytest.approx(7 / 8)


def test_intervals_follow_the_topics():
    spread = {"coding": 0.1, "money": 0.9, "news": 0.1, "school": 0.9}
    r = rate(frame(spread))
    assert r["low"] <= 0.3 and r["high"] >= 0.7  # questions agree, topics do not


def test_trained_and_held_out_are_kept_apart():
    r = split_rates(frame({"coding": 1.0, "money": 0.2, "news": 0.2, "school": 0.2}), "coding")
    assert r["trained"]["mean"] == pytest.approx(1.0) and r["trained"]["n"] == 4
    assert r["heldout"]["mean"] == pytest.approx(0.2) and r["heldout"]["n"] == 12
    with pytest.raises(BadInput, match="No prompt"):
        split_rates(frame(0.5, topics=("coding",)), "coding")


def test_in_context_r2_is_one_for_the_observer_itself_and_low_for_a_flat_model():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "condition": np.repeat(["no evidence", "three cheats"], 40),
            "topic": np.tile(["a", "b", "c", "d"], 20),
            "exact": np.r_[np.full(40, 0.45), rng.uniform(0.6, 1.0, 40)],
        }
    )
    same = in_context(rows.assign(model=rows["exact"]), draws=50)
    flat = in_context(rows.assign(model=0.45), draws=50)
    assert same["r2"]["mean"] == pytest.approx(1.0)
    assert flat["r2"]["mean"] < 0 and flat["r2"]["mean"] == pytest.approx(flat["r2_flat"])
    assert same["conditions"]["no evidence"]["exact"]["mean"] == pytest.approx(0.45)


def test_rates_have_a_row_for_each_half_of_every_measured_checkpoint(made_study, known):
    table = rates_table(made_study, made_study.questions[0].topic)
    measured = [
        c.id for c in made_study.manifest.checkpoints if made_study.behaviour(c.id) is not None
    ]
    assert len(table) == 2 * len(measured) and set(table.set) == {"trained", "heldout"}
    table = rates_table(known, known.manifest.notes["trained_topic"]).set_index("checkpoint")
    assert FLOOR not in table.index
    for c, share in MOVED.items():
        assert np.allclose(table.loc[c, ["mean", "low", "high"]].to_numpy(float), share)
    assert rates_table(known, None).empty
