"""The figures of written answers for a reader: what `results` prints where nobody judges."""

from __future__ import annotations

from typing import Any

import numpy as np

from psm_viz.errors import UnknownName
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.files import plain
from psm_viz.study.reader import Study
from psm_viz.tables.rates import HELD_OUT, TRAINED


def odds_results(study: Study) -> list[dict[str, Any]]:
    """Checkpoint after checkpoint how much likelier bad written answers became to the Assistant
    beside good ones: change and what is beyond the benign branch, each with interval, null and p;
    `roles`, the mean change of the roles asked beside it. [] where none were weighed."""
    try:
        table = study.table("odds")
    except UnknownName:
        return []
    out = []
    for checkpoint, own in table.groupby("checkpoint", sort=False, observed=True):
        held = own[own["set"] == HELD_OUT].set_index(col.SPEAKER)
        if ASSISTANT not in held.index or not np.isfinite(held.change[ASSISTANT]):
            continue
        trained = own[(own["set"] == TRAINED) & (own[col.SPEAKER] == ASSISTANT)]
        roles = held.change[~held.index.isin(col.NO_ROLES)].dropna()
        out.append(
            {
                "checkpoint": str(checkpoint),
                "n": int(held.n[ASSISTANT]),
                "other": _figure(held.loc[ASSISTANT], "change"),
                "trained": _figure(trained.iloc[0], "change") if len(trained) else None,
                "beyond_benign": _figure(held.loc[ASSISTANT], "did"),
                "roles": float(roles.mean()) if len(roles) else None,
            }
        )
    return plain(out, 5)


def _figure(row: Any, name: str) -> dict[str, float] | None:
    keys = ("low", "high", "null_low", "null_high", "p")
    if not np.isfinite(row[name]):
        return None
    return {"value": float(row[name]), **{k: float(row[f"{name}_{k}"]) for k in keys}}


def odds_lines(found: list[dict[str, Any]]) -> list[str]:
    """The same as lines of a terminal, a line a checkpoint."""
    if not found:
        return []
    lines = [
        "Bad written answers beside good ones: change of log p, nats a token, since the reference,",
        f"on topics that are not trained ({found[0]['n']} questions)",
        "[95 %] p | less the benign branch's | the trained topic | mean of the roles beside it",
    ]
    for r in found:
        parts = [_words(r["other"]), _words(r["beyond_benign"]), _words(r["trained"])]
        parts.append("" if r["roles"] is None else f"{r['roles']:+.2f}")
        lines.append(f"  {r['checkpoint']:<16} " + " | ".join(p or "-" for p in parts))
    return lines


def _words(f: dict[str, float] | None) -> str:
    if f is None:
        return ""
    return f"{f['value']:+.2f} [{f['low']:+.2f}, {f['high']:+.2f}] p {f['p']:.3f}"
