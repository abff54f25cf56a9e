"""The exact observer hears what the Assistant said, and counts out who would say it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from psm_viz.small_model.exact_families import exact_families, exact_table
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.manifest import Checkpoint


@pytest.mark.parametrize("valence", ["good", "bad"])
def test_the_exact_observer_hears_what_was_said(world, valence):
    asked = [q for q in world.questions() if q.topic in world.conduct]
    rows = [
        {col.PERSONA: ASSISTANT, col.QUESTION: q.id, col.TEXT: u.text, col.VALENCE: valence}
        for q in asked
        for u in world.topics[q.topic].cell(valence, "plain")[:2]
    ]
    checkpoints = [Checkpoint("any", "any", 1, None), Checkpoint("vectors", "any", 2, "any")]
    study = SimpleNamespace(
        questions=asked,
        responses=lambda c: pd.DataFrame(rows),
        manifest=SimpleNamespace(checkpoints=checkpoints),
        holds=lambda c, what: c == "any",
    )
    p = exact_families(study, world, "any")
    assert sum(p.values()) == pytest.approx(1)
    good = {f: 0.0 for f in p}
    for n, c in enumerate(world.characters):
        good[c.family] += np.mean([world.p_high[t][n] for t in world.conduct])
    size = {f: sum(c.family == f for c in world.characters) for f in p}
    heard = sum(p[f] * good[f] / size[f] for f in p)
    assert heard > 0.8 if valence == "good" else heard < 0.2
    table = exact_table(study, world)
    assert set(table.checkpoint) == {"any"} and table.exact.tolist() == list(p.values())
    few = SimpleNamespace(questions=asked, responses=lambda c: pd.DataFrame(rows[:2]))
    assert exact_families(few, world, "any") == {}
