"""Places on the axis, and how much of the reference's geometry is kept."""

from __future__ import annotations

import numpy as np
import pytest

from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import ASSISTANT
from psm_viz.tables.positions import positions_table, preservation
from tests.made.activations import CONTRACTED, RAW, REFERENCE


@pytest.mark.parametrize("which", ["made", "known"])
def test_positions_are_in_standard_deviations_of_the_reference_cast(which, made_study, known):
    study = made_study if which == "made" else known
    table = positions_table(study)
    reference = study.manifest.reference
    here = table[(table.checkpoint == reference) & (table.persona != ASSISTANT)]
    for _, rows in here.groupby("pooling", observed=True):
        assert rows.z.mean() == pytest.approx(0, abs=0.01)
        assert rows.z.std(ddof=0) == pytest.approx(1, abs=0.01)
    assert len(table) == 2 * len(study.manifest.checkpoints) * len(study.cast.all)


def test_a_contraction_brings_all_positions_nearer_together(known):
    table = positions_table(known)
    cast = table[(table.pooling == POOLINGS[0]) & (table.persona != ASSISTANT)]
    spread = cast.groupby("checkpoint", observed=True).z.std()
    for c, share in CONTRACTED.items():
        assert spread[c] / spread[REFERENCE] == pytest.approx(1 - share, abs=0.02)


def test_the_reference_preserves_itself(made_study, known):
    for study in (made_study, known):
        table = preservation(study)
        own = table[table.checkpoint == study.manifest.reference]
        assert np.allclose(own[["axis_cosine", "axis_ratio", "cast_cosine"]], 1, atol=1e-5)
    before = table[table.checkpoint == RAW]
    assert (before.cast_cosine.abs() < 0.5).all()  # nobody can be placed who is nobody yet
