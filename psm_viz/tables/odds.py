"""What training changed in how likely good and bad answers are, where no judge reads answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from psm_viz.stats.paired import mean_change
from psm_viz.stats.resampling import Estimate
from psm_viz.study import columns as col
from psm_viz.study.reader import Study
from psm_viz.tables.belief import benign_end, told
from psm_viz.tables.rates import HELD_OUT, TRAINED


def odds_table(study: Study) -> pd.DataFrame:
    """Change of log p(bad answer) - log p(good answer), nats per token, from the reference.

    checkpoint, branch, step, speaker (`assistant`, `neutral`, a persona's id), set (`trained`,
    `heldout`; all is held out where no trained topic is known); level, the difference itself;
    change, and did (that less the end of the benign branch's), each with interval, the band of its
    null and p; n, the questions. Empty where no answers were written to the questions.
    """
    m = study.manifest
    held = {c.id: f for c in m.checkpoints if (f := _differences(study, c.id)) is not None}
    if m.reference not in held:
        return pd.DataFrame()
    trained, benign = m.notes.get("trained_topic"), benign_end(study)
    start, than = held[m.reference], held.get(benign or "")
    rows: list[dict[str, Any]] = []
    for c in m.checkpoints:
        for (speaker, inside), own in _parts(held.get(c.id), trained):
            topics = list(own.index.get_level_values(col.TOPIC))
            row: dict[str, Any] = {"checkpoint": c.id, "branch": c.branch, "step": c.step}
            row |= {col.SPEAKER: speaker, "set": TRAINED if inside else HELD_OUT}
            row |= {"level": float(own.mean()), "n": len(own)}
            for name, other in (("change", start), ("did", than)):
                e = Estimate(float("nan"))
                if other is not None and other is not held[c.id]:
                    e = mean_change((own - other.reindex(own.index)).to_numpy(), topics)
                row |= told(name, e, null=True)
            rows.append(row)
    return pd.DataFrame(rows)


def _differences(study: Study, checkpoint: str) -> pd.Series | None:
    """log p(bad) - log p(good) by (speaker, topic, question); None where it was not measured."""
    found = study.odds(checkpoint)
    if found is None:
        return None
    by = found.set_index([col.SPEAKER, col.TOPIC, col.QUESTION])
    return (by[col.LOG_BAD] - by[col.LOG_GOOD]).astype(np.float64)


def _parts(differences: pd.Series | None, trained: str | None) -> Any:
    """Pairs of (speaker, whether its topic is trained) and those questions' differences."""
    if differences is None:
        return []
    inside = differences.index.get_level_values(col.TOPIC) == trained
    speakers = differences.index.get_level_values(col.SPEAKER)
    return differences.groupby([speakers, inside], sort=False)
