"""Drift by checkpoint: it flags what moved and nothing else, and says what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from psm_viz.stats.significance import ALPHA
from psm_viz.study.activations import POOLINGS
from psm_viz.tables.compare import Comparer
from psm_viz.tables.drift import COLUMNS, comparisons, drift_table, start_of, traits_table
from tests.made import study as made
from tests.made.activations import (
    BASE,
    CHECKPOINTS,
    CONTRACTED,
    FLOOR,
    MOVED,
    REFERENCE,
    write_known_study,
)

STARTED = [c.id for c in CHECKPOINTS if c.branch != "pretrain"]
OWN = "specific_given_cast"


@pytest.fixture(scope="module")
def drift(known, compare, found):
    return drift_table(known, compare, found)


def of(table, figure, pooling=POOLINGS[0]):
    here = table[(table.figure == figure) & (table.pooling == pooling)]
    return here.set_index("checkpoint")


def test_drift_is_counted_from_where_a_branch_begins(made_study, known):
    starts = {c.id: start_of(made_study, c) for c in made_study.manifest.checkpoints}
    assert starts["cheat-0064"] == starts["cheat-0008"] == starts[made.AGAIN] == made.REFERENCE
    assert starts["assistant-0060"] == starts[made.REFERENCE] == made.BASE
    assert starts[made.BASE] is None
    starts = {c.id: start_of(known, c) for c in CHECKPOINTS}
    assert starts[REFERENCE] == BASE and starts["moved-0064"] == starts[FLOOR] == REFERENCE


def test_drift_has_one_row_for_each_figure(drift):
    assert tuple(drift.columns) == COLUMNS
    assert not drift.duplicated(["checkpoint", "pooling", "figure"]).any()
    assert set(drift.checkpoint) == set(STARTED) and set(drift.pooling) == set(POOLINGS)
    counts = drift.groupby(["checkpoint", "pooling"]).size()
    assert counts.nunique() == 1
    ranks = drift.figure.str.endswith("percentile") | (drift.figure == "percentile_given_cast")
    assert set(drift.n[ranks]) == {24} and set(drift.n[~ranks]) == {16}
    inside = drift.dropna(subset=["low"])
    assert (inside.low <= inside.high).all()


def test_drift_flags_what_moved_and_nothing_else(drift):
    for pooling in POOLINGS:
        p = of(drift, OWN, pooling).p_steps
        assert (p[list(MOVED)] <= ALPHA).all()
        assert (p[[*CONTRACTED, FLOOR]] > ALPHA).all()
        assert (of(drift, "shift_norm", pooling).p[list(CONTRACTED)] <= ALPHA).all()


def test_a_search_over_steps_is_paid_for(drift):
    own = drift[drift.figure == OWN]
    assert (own.p_steps >= own.p).all()
    assert (own.p_steps > own.p).any()
    # a branch of one saved step searched nothing
    single = own[own.checkpoint.isin([REFERENCE, FLOOR])]
    assert np.allclose(single.p_steps, single.p)
    assert drift[drift.figure != OWN].p_steps.isna().all()


def test_the_axis_kept_stands_beside_the_noise_floor(drift):
    for figure in ("axis_cosine", "axis_ratio"):
        rows = of(drift, figure)
        assert set(rows.null) == {"noise floor"}
        assert (rows.null_low == rows.low[FLOOR]).all()
    assert of(drift, "axis_cosine").value["moved-0064"] < of(drift, "axis_cosine").null_low[FLOOR]


def test_positions_and_components_agree(drift):
    """Where it stands less where the start stood is how far it went."""
    stands, went = of(drift, "axis_position").value, of(drift, "axis_component").value
    branches = [*MOVED, *CONTRACTED]
    start = stands[branches] - went[branches]
    assert np.allclose(start, start.iloc[0], atol=1e-6)


def test_the_cloud_narrows_where_the_cast_contracts(drift):
    ratio = of(drift, "cloud_trace_ratio").value
    assert ratio["contracted-0064"] < 1 and of(drift, "cloud_energy").p["moved-0064"] <= ALPHA
    assert of(drift, "cloud_energy").p[FLOOR] > ALPHA


def test_few_folds_leave_figures_out_and_crash_nothing(tmp_path):
    study = write_known_study(tmp_path / "three", folds=3)
    compare = Comparer(study)
    table = drift_table(study, compare, comparisons(study, compare))
    assert OWN not in set(table.figure) and set(table.n) == {16}
    assert (of(table, "specific_norm").p[list(MOVED)] <= ALPHA).all()
    assert table.p_steps.isna().all()


def test_one_fold_leaves_every_comparison_out_and_says_why(tmp_path):
    said = []
    study = write_known_study(tmp_path / "one", folds=1)
    assert comparisons(study, Comparer(study), said.append) == []
    assert sum("left out" in s and "two question folds" in s for s in said) == 2 * len(STARTED)
    assert drift_table(study, Comparer(study), []).columns.tolist() == [*COLUMNS]


def test_traits_have_three_parts_that_add_up(known, found):
    table = traits_table(known, found)
    assert set(table.part) == {"total", "global", "specific"}
    assert set(table.trait) == {"honesty", "warmth"} and set(table.checkpoint) == set(STARTED)
    key = ["checkpoint", "pooling", "trait"]
    wide = table.pivot(index=key, columns="part", values="value")
    assert np.allclose(wide.total, wide["global"] + wide.specific)
    assert table.p.notna().eq(table.part == "specific").all()
    honest = table[(table.trait == "honesty") & (table.part == "specific")].set_index("checkpoint")
    assert (honest.value[list(MOVED)] < 0).all() and (honest.p[FLOOR] > ALPHA).all()
