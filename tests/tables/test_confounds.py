"""What a place on the axis goes with besides the character."""

from __future__ import annotations

from psm_viz.tables.confounds import confounds_table
from tests.made.activations import CHECKPOINTS


def test_confounds_are_correlations_of_every_answered_checkpoint(known):
    table = confounds_table(known)
    assert set(table.checkpoint) == {c.id for c in CHECKPOINTS}
    assert set(table.confound) == {"answer length", "activation norm"}
    known_norm = table[(table.pooling == "prompt_last") | (table.confound == "answer length")]
    assert known_norm.value.between(-1, 1).all() and (known_norm.low <= known_norm.high).all()
    # a norm that is the same everywhere correlates with nothing
    constant = table[(table.pooling == "response_mean") & (table.confound == "activation norm")]
    assert constant.value.isna().all()
