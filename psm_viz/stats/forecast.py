"""How a predicted arrow fared: a record of evidence against the end of a branch.

The arrow (definition and source: `evidence`) is set beside what the branch did to the Assistant, as
a whole (D) and apart from the cast (s). Everything is cross-fitted: a question's movement meets the
arrow made from the other folds' questions, |arrow|^2 is a product between folds and |s|^2 one
between questions of different topics. So a cosine may pass 1 by its noise (it is then shown as 1),
and is missing where there is no more movement than noise.

Null: l shuffled over the cast by families, the arrow made again each time. p is one-sided,
(1 + shuffles that reach it) / (1 + shuffles).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats import drift
from psm_viz.stats.evidence import posterior
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.cast import family_weights
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer, trait_values

SHUFFLES, SEED = 1000, 0
FEWEST_TRAITS = 3
"""Below this many traits their ranks say nothing."""
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


@dataclass(frozen=True)
class Ground:
    """What the reference gives at one pooling: fold means, and trait axes from the other folds."""

    folds: Float[np.ndarray, "role fold d_model"]
    traits: Float[np.ndarray, "fold trait d_model"]
    """Unit axes over the cast's spread along them, so that a product is in cast SDs."""

    @property
    def others(self) -> Float[np.ndarray, "role fold d_model"]:
        """The cast's means over all folds but each one."""
        n = self.folds.shape[1]
        return (self.folds.sum(1, keepdims=True) - self.folds) / (n - 1)


def shuffled_changes(
    loglik: Float[np.ndarray, " role"],
    prior: Float[np.ndarray, " role"],
    n_bar: float,
    families: Sequence[str],
) -> Float[np.ndarray, "shuffle role"]:
    """w - pi for l as it is, in the first row, and for every shuffle of l over the cast.

    Whole families trade places and members within them: personas of a family answer alike and lie
    alike, so shuffling persons alone makes arrows that are shorter and less like any direction the
    cast has, a null too easily beaten. A family that gets a smaller one's l repeats some of it.
    """
    rng = np.random.default_rng([SEED, 41])
    of = np.asarray(families)
    rows = {f: np.flatnonzero(of == f) for f in sorted(set(families))}
    names = list(rows)
    shuffled = np.empty((SHUFFLES, len(loglik)))
    for k in range(SHUFFLES):
        for name, other in zip(names, rng.permutation(names), strict=True):
            own, given = rows[name], loglik[rows[str(other)]]
            shuffled[k, own] = rng.choice(given, len(own), replace=len(own) > len(given))
    if len(names) == 1:  # nobody sorted this cast
        shuffled = rng.permuted(np.tile(loglik, (SHUFFLES, 1)), axis=1)
    changes = posterior(np.vstack([loglik, shuffled]), prior, n_bar) - prior
    # the same l for everybody says nothing: what rounding leaves of it has no direction
    return np.where(np.abs(changes).max(1, keepdims=True) < 1e-12, 0.0, changes)


def arrow_squares(
    changes: Float[np.ndarray, "shuffle role"], folds: Float[np.ndarray, "role fold d_model"]
) -> Float[np.ndarray, " shuffle"]:
    """Cross-fitted |arrow|^2: the mean product of two different folds' arrows."""
    n = folds.shape[1]
    both = np.einsum("ifd,jfd->ij", folds, folds)  # sum over folds of same-fold products
    whole = folds.sum(1)
    apart = (whole @ whole.T - both) / (n * (n - 1))
    return np.einsum("ni,ij,nj->n", changes, apart, changes, optimize=True)


def fared(
    changes: Float[np.ndarray, "shuffle role"],
    ground: Ground,
    movement: Float[np.ndarray, "question d_model"],
    fold_of: tuple[int, ...],
    apart: Bool[np.ndarray, "question question"],
    counts: Float[np.ndarray, "draw question"],
) -> dict[str, float]:
    """Cosine of arrow and movement with interval, null and p; the same of the traits' ranks.

    `apart`: which questions are of different topics; `counts`: the interval's draws of questions.
    """
    index = np.array(fold_of)
    others = ground.others[:, index]  # [role, question, d_model]
    meets = np.einsum("iqd,qd->iq", others, movement)
    square = arrow_squares(changes, ground.folds)
    products = movement @ movement.T
    size = float(drift.quadratic(products, apart, np.ones((1, len(index))))[0])
    cosines = _cosine(changes @ meets.mean(1), square, size)
    own = changes[0] @ meets  # [question]

    def cosine(c: np.ndarray) -> np.ndarray:
        sizes = drift.quadratic(products, apart, c)
        found = _cosine(c @ own / c.sum(1), sizes, square[0])
        return np.clip(found, -1, 1)

    i = drift.interval_of_draws(cosine, counts)
    high, p = _null(cosines)
    out = {"cosine": i.value, "low": i.low, "high": i.high, "shuffled_high": high, "p": p}
    predicted = changes @ np.einsum("ifd,ftd->it", ground.folds, ground.traits)
    happened = np.einsum("qd,qtd->t", movement, ground.traits[index])
    ranks = spearman(predicted, happened)
    return out | {"spearman": float(ranks[0]), "spearman_shuffled_high": _null(ranks)[0]}


def _cosine(x: np.ndarray, square: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """x over both lengths; NaN where noise made a squared length zero or less."""
    root = np.sqrt(np.maximum(square, 0.0) * np.maximum(other, 0.0))
    return np.divide(x, root, out=np.full(len(x), np.nan), where=root > 0)


def _null(values: np.ndarray) -> tuple[float, float]:
    """95th percentile of the shuffles and one-sided p of the first value; NaN where it is NaN."""
    if not np.isfinite(values[0]):
        return math.nan, math.nan
    shuffled = values[1:][np.isfinite(values[1:])]
    if not len(shuffled):
        return math.nan, math.nan
    p = (1 + (shuffled >= values[0] - 1e-12).sum()) / (1 + len(shuffled))
    return float(min(1.0, np.percentile(shuffled, 95))), float(p)


def spearman(
    rows: Float[np.ndarray, "row trait"], other: Float[np.ndarray, " trait"]
) -> Float[np.ndarray, " row"]:
    """Spearman's rank correlation of every row with `other`, ties at their mean rank.

    NaN below three values, or where all are the same.
    """
    if len(other) < FEWEST_TRAITS:
        return np.full(len(rows), np.nan)
    x = pd.DataFrame(rows).rank(axis=1).to_numpy(dtype=np.float64)
    y = pd.Series(other).rank().to_numpy(dtype=np.float64)
    x, y = x - x.mean(1, keepdims=True), y - y.mean()
    return _cosine(x @ y, (x**2).sum(1), float(y @ y))


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
