"""Family weights follow who the Assistant became."""

from __future__ import annotations

import numpy as np

from psm_viz.tables.families import posterior_tables
from tests.made.activations import RAW, REFERENCE


def test_family_weights_follow_who_the_assistant_became(known):
    said = []
    table, judged = posterior_tables(known, said.append)
    assert any(f"posterior of {RAW}" in s for s in said) and RAW not in set(table.checkpoint)
    sums = table.groupby(["checkpoint", "pooling"]).weight.sum()
    assert np.allclose(sums, 1)
    w = table[table.family == "thieves"].groupby("checkpoint").weight.mean()
    assert w["moved-0064"] > w[REFERENCE] + 0.3
    assert judged.accuracy.between(0, 1).all() and (judged.log_loss < judged.chance_log_loss).all()
