"""Laws of the validation table: rates, their Monte Carlo error, what is judged and what is not."""

import numpy as np
import pandas as pd
import pytest

from psm_viz.stats.planted import PLANTS
from psm_viz.stats.trials import FIRES, UNSAID
from psm_viz.tables.validation import as_text, expected, rates, summary


def fired(rows):
    """(statistic, plant, size, how many of how many, data)."""
    out = [
        {"data": data, "statistic": s, "plant": p, "size": size, "fired": i < k}
        for s, p, size, k, n, data in rows
        for i in range(n)
    ]
    return pd.DataFrame(out)


TABLE = rates(
    fired(
        [
            ("cloud_energy", "zero", 0.0, 2, 40, "a"),
            ("cloud_energy", "zero", 0.0, 6, 60, "b"),
            ("cloud_energy", "shift", 0.1, 10, 40, "a"),
            ("cloud_energy", "shift", 0.1, 60, 60, "b"),
            ("cloud_energy", "shift", 0.8, 40, 40, "a"),
            ("cloud_trace", "zero", 0.0, 0, 20, "a"),
            ("cloud_trace", "contraction", 0.5, 20, 20, "a"),
        ]
    )
)


def row(**keys):
    found = TABLE
    for k, v in keys.items():
        found = found[found[k] == v]
    assert len(found) == 1
    return found.iloc[0]


def test_rates_are_shares_with_wilsons_interval():
    r = row(statistic="cloud_energy", plant="shift", data="a", size=0.1)
    assert r.rate == 0.25 and r.n == 40
    # the ends solve (rate - p)^2 = z^2 p (1 - p) / n
    for p in (r.low, r.high):
        assert (0.25 - p) ** 2 == pytest.approx(1.959964**2 * p * (1 - p) / 40)
    assert r.low < r.rate < r.high
    none, every = row(statistic="cloud_trace", plant="zero"), row(data="b", plant="shift")
    assert none.low == pytest.approx(0) and 0 < none.high < 0.2
    assert every.high == pytest.approx(1) and 0.9 < every.low < 1


def test_wilsons_interval_covers_a_rare_rate():
    rng = np.random.default_rng(0)
    counts = rng.binomial(200, 0.05, size=300)
    table = rates(
        pd.concat(
            fired([("cloud_energy", "zero", float(i), k, 200, "a")]) for i, k in enumerate(counts)
        )
    )
    assert ((table.low <= 0.05) & (table.high >= 0.05)).mean() > 0.91


def test_every_statistic_is_judged_on_every_plant_or_left_unsaid():
    for statistic, loud in FIRES.items():
        assert expected(statistic, "zero") is False
        for kind in PLANTS:
            unsaid = kind in UNSAID.get(statistic, set())
            assert expected(statistic, kind) is (None if unsaid else kind in loud)
        assert not loud & UNSAID.get(statistic, set()), statistic  # nothing is both
    assert loud_and_unsaid_are_plants()


def loud_and_unsaid_are_plants():
    return all(kinds <= set(PLANTS) for kinds in (*FIRES.values(), *UNSAID.values()))


def test_a_statistic_nobody_knows_is_no_silent_judgement():
    with pytest.raises(KeyError):
        expected("horoscope", "zero")


def test_false_alarms_count_trials_and_leave_out_the_unsaid():
    found = summary(TABLE)
    energy, trace = (found["statistics"][s] for s in ("cloud_energy", "cloud_trace"))
    assert energy["false_alarm"] == pytest.approx(8 / 100)  # not the mean of .05 and .1
    assert energy["worst"]["data"] == "b" and energy["worst"]["rate"] == pytest.approx(0.1)
    # firing on a contraction says nothing for or against the trace
    assert pd.isna(row(statistic="cloud_trace", plant="contraction").fires)
    assert trace["false_alarm"] == 0 and trace["power"] == {}
    assert trace["worst"]["plant"] == "zero"


def test_power_is_given_by_size():
    power = summary(TABLE)["statistics"]["cloud_energy"]["power"]
    assert power == {"shift": {"0.1": pytest.approx(70 / 100), "0.8": 1.0}}


def test_the_text_names_every_statistic_and_its_worst_case():
    text = as_text(TABLE)
    assert "cloud_energy" in text and "0.080; 0.100 (zero 0, b, n=60)" in text
    assert "0.1: 0.70" in text and "p <= 0.05" in text
