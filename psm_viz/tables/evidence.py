"""How a record of evidence fared against the branches of a study."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats import drift
from psm_viz.stats.forecast import SEED, SHUFFLES, Ground, fared, shuffled_changes
from psm_viz.stats.metrics import FEWEST_TRAITS
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.cast import family_weights, trait_values
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer

PARTS = ("specific", "total")
COLUMNS = (
    "evidence",
    "branch",
    "pooling",
    "part",
    "cosine",
    "low",
    "high",
    "shuffled_high",
    "p",
    "spearman",
    "spearman_shuffled_high",
    "written_before",
)


def ground_of(study: Study, pooling: str) -> Ground:
    """The reference's fold means at the headline layer and its trait axes. Raises BadInput."""
    folds = study.folds(study.manifest.reference).at(pooling)[:-1].astype(np.float64)
    n, weights = folds.shape[1], family_weights(study.cast)
    if n < 2:
        raise BadInput(f"Cross-fitting needs at least two question folds, found {n}.")
    values = list(trait_values(study.cast).values())
    empty = np.zeros((n, 0, folds.shape[2]))
    others = Ground(folds, empty).others
    pairs = [[drift.scaled_trait_axis(others[:, f], v, weights) for v in values] for f in range(n)]
    axes = [[u / wide for u, wide in row] for row in pairs]
    return Ground(folds, np.array(axes) if values else empty)


def score(study: Study, name: str, branch: str) -> dict[str, Any]:
    """Compare a record's arrow with where a branch took the Assistant, at every pooling.

    Raises UnknownName for a record or branch that does not exist or a branch that does not start
    at the reference, where the arrow was made.
    """
    evidence, m = study.evidence(name), study.manifest
    path = m.branch(branch)
    start, end = path[0].id, path[-1].id
    if start != m.reference or path[0].branch == branch:
        raise UnknownName(
            f"Branch {branch!r} does not start at {m.reference}, where the arrow was made.",
            f"Choose one of: {', '.join(m.fine_tuned) or 'none in this study'}.",
        )
    ids, known = [p.id for p in study.cast.all], evidence.likelihood["persona"].tolist()
    if ids != known:
        raise BadInput(
            f"Evidence {name!r} was made with another cast ({len(known)} personas; the study has "
            f"{len(ids)}).",
            "Make it again under another --name.",
        )
    record = evidence.record
    families = [p.family for p in study.cast.personas]
    prior = family_weights(study.cast)
    changes = shuffled_changes(evidence.loglik, prior, record["n_bar"], families)
    rows, comparer = [], Comparer(study)
    asked = comparer.asked
    for pooling in m.poolings:
        ground = ground_of(study, pooling)
        shift = comparer.shift(start, end, pooling, m.headline_layer)
        for part in PARTS:
            movement = np.asarray(getattr(shift, part), dtype=np.float64)
            found = fared(changes, ground, movement, asked.fold, shift.apart, asked.counts)
            plain = {k: None if math.isnan(v) else round(v, 6) for k, v in found.items()}
            rows.append({"pooling": pooling, "part": part, **plain})
    own = {c.id for c in m.checkpoints if c.branch == branch}
    before = not any(c in own or c.rpartition("-")[0] == branch for c in record["checkpoints_then"])
    return {
        "evidence": name,
        "branch": branch,
        "start": start,
        "end": end,
        "layer": m.headline_layer,
        "written_at": record["written_at"],
        "written_before": before,
        "questions": len(asked.fold),
        "shuffles": SHUFFLES,
        "seed": SEED,
        "traits": len(trait_values(study.cast)),
        "rows": rows,
    }


def as_text(found: dict[str, Any]) -> str:
    """A score for people."""
    before = found["written_before"]
    when = "before" if before else "NOT before"
    lines = [
        f"Evidence {found['evidence']}, written {found['written_at']}, {when} the study held a "
        f"checkpoint of {found['branch']}.",
        f"Arrow against {found['start']} -> {found['end']}, layer {found['layer']}, "
        f"{found['questions']} questions, {found['shuffles']} shuffles of l over the cast "
        "by families.",
    ]
    for r in found["rows"]:
        where = f"{POOLING_NAMES.get(r['pooling'], r['pooling'])}, {r['part']}:"
        if r["cosine"] is None:
            lines.append(f"  {where:<34} no direction beyond noise to compare")
            continue
        ends = f"[{_number(r['low'])}, {_number(r['high'])}]"
        text = f"cosine {_number(r['cosine'])} {ends}"
        text += f"  95 % of shuffles below {_number(r['shuffled_high'])}, p {r['p']:.3f}"
        if r["spearman"] is not None:
            text += f"; ranks of {found['traits']} traits {_number(r['spearman'])}"
            text += f" (shuffles {_number(r['spearman_shuffled_high'])})"
        lines.append(f"  {where:<34} {text}")
    if found["traits"] < FEWEST_TRAITS:
        few = "no traits" if not found["traits"] else f"only {found['traits']} traits"
        lines.append(f"  The cast has {few}: their ranks are not compared.")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:+.2f}"


def evidence_table(study: Study) -> pd.DataFrame:
    """All stored scores: one row a record, branch, pooling and part, missing figures as NaN."""
    rows = [
        {k: found[k] for k in ("evidence", "branch", "written_before")} | row
        for name in study.evidences
        for found in study.evidence_scores(name)
        for row in found["rows"]
    ]
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    figures = list(COLUMNS[4:-1])
    return out.astype({c: np.float64 for c in figures} | {"written_before": bool})
