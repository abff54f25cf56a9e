"""Derived tables on the made study: what was planted is what they say."""

import numpy as np
import pytest

from psm_viz.tables import (
    drift_table,
    positions_table,
    preservation,
    rates_table,
    shift_between,
    start_of,
)
from tests.made_study import AGAIN, BASE, REFERENCE


def test_drift_is_counted_from_where_a_branch_begins(made_study):
    starts = {c.id: start_of(made_study, c) for c in made_study.manifest.checkpoints}
    assert starts["cheat-0064"] == starts["cheat-0008"] == starts[AGAIN] == REFERENCE
    assert starts["assistant-0060"] == starts[REFERENCE] == BASE
    assert starts[BASE] is None


def test_a_checkpoint_has_not_moved_from_itself(made_study):
    m = made_study.manifest
    shift = shift_between(made_study, REFERENCE, REFERENCE, m.headline_pooling, m.headline_layer)
    assert np.abs(shift.total).max() == 0 and np.abs(shift.specific).max() == 0


def test_the_pushed_branch_moves_most_and_down_the_axis(made_study):
    table = drift_table(made_study)
    table = table[table.pooling == made_study.manifest.headline_pooling]
    norm = table[table.figure == "specific_norm"].set_index("checkpoint").value
    assert norm["cheat-0064"] > norm["cheat-0008"] > norm["honest-0064"]
    axis = table[table.figure == "axis_component"].set_index("checkpoint").value
    assert axis["cheat-0064"] < 0 and axis["cheat-0064"] < axis["honest-0064"]
    inside = table.dropna(subset=["low"])
    assert (inside.low <= inside.high).all()


def test_positions_are_in_standard_deviations_of_the_reference_cast(made_study):
    table = positions_table(made_study)
    here = table[(table.checkpoint == REFERENCE) & (table.persona != "assistant")]
    for _, rows in here.groupby("pooling", observed=True):
        assert rows.z.mean() == pytest.approx(0, abs=0.01)
        assert rows.z.std(ddof=0) == pytest.approx(1, abs=0.01)


def test_the_reference_preserves_itself(made_study):
    table = preservation(made_study)
    own = table[table.checkpoint == REFERENCE]
    assert np.allclose(own[["axis_cosine", "axis_ratio", "cast_cosine"]], 1, atol=1e-5)


def test_rates_have_a_row_for_each_half_of_every_measured_checkpoint(made_study):
    table = rates_table(made_study, made_study.questions[0].topic)
    measured = [
        c.id for c in made_study.manifest.checkpoints if made_study.behaviour(c.id) is not None
    ]
    assert len(table) == 2 * len(measured) and set(table.set) == {"trained", "heldout"}
