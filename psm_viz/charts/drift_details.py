"""What a movement is made of: the rows and the sentences of its figures.

Along the traits, as a mixture of families, against an arrow that was written down before
training, and how much of it is the words that are read and how much the weights that read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from psm_viz.charts.findings import (
    HEADLINE,
    NOTHING,
    RANK,
    End,
    capital,
    cell,
    counted,
    end_of,
    figure_rows,
    listed,
    number,
    percentile_words,
    said,
)
from psm_viz.charts.frames import each, measured, where
from psm_viz.charts.palette import branch_marks
from psm_viz.stats.family_posterior import NONE
from psm_viz.stats.significance import ALPHA
from psm_viz.study.manifest import Manifest

EFFECTS = {"weights": "the weights", "words": "the words", "interaction": "both together"}


def p_words(p: float) -> str:
    """A p value as words: p .004, p < .001; nothing where there was no test."""
    if pd.isna(p):
        return ""
    return "p < .001" if p < 0.001 else f"p {p:.2g}".replace("0.", ".", 1)


# -- the ends of the branches -------------------------------------------------------------------


def controls(notes: Mapping[str, object], branches: Sequence[str]) -> dict[str, str]:
    """Branches that serve as controls, and what each is: 'benign', 'twin', 'other role'."""
    named = {"benign": "benign", "twin": "requested twin", "other_role": "other role"}
    out = {str(notes[k]): word for k, word in named.items() if notes.get(k) in branches}
    return out


def ends_rows(
    drift: pd.DataFrame,
    pooling: str,
    branches: Sequence[str],
    every: Sequence[str],
    manifest: Manifest,
    roles: int,
) -> pd.DataFrame:
    """The Assistant's movement of its own at the end of each branch with its null and its rank
    among so many `roles`, then the benign branch and the noise floor as rows of their own.

    `every` are all branches of the study, in the order that gives each its mark. Rows for
    `dot_chart`.
    """
    rows = figure_rows(drift, HEADLINE, pooling)
    ranks = figure_rows(drift, RANK, pooling)
    role, marks = controls(manifest.notes, every), branch_marks(list(every))
    benign = [b for b, word in role.items() if word == "benign"]
    out = []
    for b in [*(b for b in branches if b not in benign), *benign]:
        own = where(rows, (rows.branch == b) & (rows.step > 0)).sort_values("step")
        if own.empty:
            continue
        last = own.iloc[-1]
        at = where(ranks, ranks.checkpoint == last.checkpoint)
        words = percentile_words(float(at.iloc[0].value), roles) if len(at) else ""
        # Only the benign branch is named by what it is for: the others carry their own names.
        label = f"benign ({b})" if role.get(b) == "benign" else said(b)
        quiet = role.get(b) == "benign"
        out.append(_end_row(label, last, marks.get(b, "circle"), words, quiet))
    noise = manifest.noise_floor
    floor = where(rows, rows.checkpoint == noise) if noise else rows.head(0)
    if len(floor):
        out.append(_end_row("noise floor", floor.iloc[0], "circle", "", True))
    names = ["label", "value", "low", "high", "null_low", "null_high", "p", "filled", "note"]
    return pd.DataFrame(out, columns=[*names, "mark", "quiet"])


def _end_row(label: str, row: pd.Series, mark: str, words: str, quiet: bool) -> dict[str, object]:
    end = end_of(label, row)
    note = ", ".join(t for t in (words, p_words(end.p) or "not tested") if t)
    return {
        **{"label": label, "value": end.value, "low": end.low, "high": end.high},
        **{"null_low": cell(row, "null_low"), "null_high": end.null_high, "p": end.p},
        **{"filled": end.moved, "note": note, "mark": mark, "quiet": quiet},
    }


# -- on the traits ------------------------------------------------------------------------------


def trait_rows(traits: pd.DataFrame, checkpoint: str, pooling: str) -> pd.DataFrame:
    """The specific part on each trait, largest first. Rows for `dot_chart`."""
    own = where(
        traits,
        (traits.checkpoint == checkpoint)
        & (traits.pooling == pooling)
        & (traits.part == "specific"),
    )
    own = own.sort_values("value", key=lambda v: -v.abs())
    return pd.DataFrame(
        {
            "label": [str(t).replace("_", " ") for t in own.trait],
            **measured(own),
            "p": own.p.astype(float),
            "filled": (own.p <= ALPHA).to_numpy(bool),
            "note": [p_words(float(v)) for v in own.p],
        }
    )


def trait_finding(rows: pd.DataFrame, branch: str) -> str:
    """Which traits a branch moved the Assistant along, of those that a test shows."""
    if rows.empty or rows.p.isna().all():
        return f"On the traits, {said(branch)}: not tested"
    shown = where(rows, rows.filled)
    if shown.empty:
        return f"On the traits, {said(branch)}: {NOTHING}"
    ways = (("less", where(shown, shown.value < 0)), ("more", where(shown, shown.value > 0)))
    parts = [f"{w} {listed([str(t) for t in f.label.head(3)])}" for w, f in ways if len(f)]
    return capital(f"{said(branch)}: consistent with {', '.join(parts)}")


# -- as a mixture of families -------------------------------------------------------------------


def posterior_rows(
    posterior: pd.DataFrame,
    exact: pd.DataFrame | None,
    checkpoint: str,
    pooling: str,
    names: Mapping[str, str],
    most: int = 6,
) -> pd.DataFrame:
    """The largest families and 'none of these'; as a tick what the exact observer of a made world
    gives them, where there is one (`exact`: checkpoint, family, exact)."""
    own = where(posterior, (posterior.checkpoint == checkpoint) & (posterior.pooling == pooling))
    families = where(own, own.family != NONE).sort_values("weight", ascending=False).head(most)
    own = pd.concat([families, where(own, own.family == NONE)])
    told: dict[str, float] = {}
    if exact is not None:
        here = where(exact, exact.checkpoint == checkpoint)
        told = {str(f): float(p) for f, p in zip(here.family, here.exact, strict=True)}
    out = pd.DataFrame(
        {
            "label": [names.get(str(f), str(f)) for f in own.family],
            **measured(own, "weight"),
            "tick": [told.get(str(f), np.nan) for f in own.family],
            "quiet": (own.family == NONE).to_numpy(bool),
        }
    )
    return out.assign(note=[f"{v:.0%}" for v in out.value])


def posterior_finding(rows: pd.DataFrame, branch: str, untouched: bool = False) -> str:
    """Which characters the Assistant's vector is consistent with, by weight; `untouched`: before
    any branch."""
    if rows.empty:
        return f"What it is made of, {said(branch)}: not measured"
    top = rows.sort_values("value", ascending=False).iloc[0]
    after = "Before any branch" if untouched else f"After {said(branch)}"
    if top.quiet and top.value >= 0.5:
        return f"{after} the Assistant is like none of these families ({top.value:.0%})"
    if top.low >= 0.5:
        exact = f", from its answers {top.tick:.0%}" if pd.notna(top.tick) else ""
        who = top.label.lower()
        return f"{after} the Assistant is consistent with the {who} ({top.value:.0%}{exact})"
    near = [str(t).lower() for t in where(rows, ~rows.quiet).label.head(2)]
    return f"{after} no family holds most of the weight; the largest are {listed(near)}"


# -- the arrow written before training ----------------------------------------------------------


def arrow_rows(
    scores: pd.DataFrame, evidence: str, pooling: str, branches: Sequence[str], every: Sequence[str]
) -> pd.DataFrame:
    """Cosine of the evidence's arrow with each branch's own shift, against dealt-out readiness."""
    own = where(
        scores,
        (scores.evidence == evidence)
        & (scores.pooling == pooling)
        & (scores.part == "specific")
        & scores.branch.isin(list(branches)),
    )
    marks, order = branch_marks(list(every)), {b: n for n, b in enumerate(branches)}
    own = own.sort_values("branch", key=lambda b: b.map(order))
    late = ["" if w else ", written afterwards" for w in own.written_before]
    return pd.DataFrame(
        {
            "label": [said(str(b)) for b in own.branch],
            **measured(own, "cosine"),
            "null_low": -own.shuffled_high.astype(float),
            "null_high": own.shuffled_high.astype(float),
            "p": own.p.astype(float),
            "filled": (own.p <= ALPHA).to_numpy(bool),
            "note": [
                (p_words(float(v)) or "no direction beyond noise") + w
                for v, w in zip(own.p, late, strict=True)
            ],
            "mark": [marks.get(str(b), "circle") for b in own.branch],
            "written_before": own.written_before.astype(bool),
        }
    )


def arrow_finding(rows: pd.DataFrame, evidence: str) -> str:
    """Which branches went the way that the evidence's arrow points."""
    if rows.empty:
        return f"The arrow of {evidence}: no branch was scored against it"
    shown = where(rows, rows.filled & (rows.value > 0))
    still = [str(b) for b in where(rows, ~rows.label.isin(list(shown.label))).label]
    when = "written before training" if rows.written_before.all() else "of the same answers"
    parts = []
    if len(shown):
        sizes = [f"{r.label} (cosine {number(r.value)})" for r in each(shown)]
        parts.append(f"consistent with the way of {listed(sizes)}")
    if still:
        parts.append(f"{counted(still, bool(parts))}: not told from chance")
    return f"The arrow of {evidence}, {when}: {'; '.join(parts)}"


# -- words or weights ---------------------------------------------------------------------------


def effect_rows(table: pd.DataFrame, branch: str) -> pd.DataFrame:
    """Shares of the shift over the answers that are due to weights, words and both."""
    own = where(table, (table.branch == branch) & table.share.notna())
    order = {e: n for n, e in enumerate(EFFECTS)}
    own = own.sort_values("effect", key=lambda e: e.map(order))
    return pd.DataFrame(
        {
            "label": [EFFECTS.get(str(e), str(e)) for e in own.effect],
            "value": own.share.astype(float),
            "low": own.share_low.astype(float),
            "high": own.share_high.astype(float),
            "note": [f"{v:.0%}" for v in own.share],
            "norm": own.norm.astype(float),
        }
    )


def effect_finding(rows: pd.DataFrame, branch: str) -> str:
    """Whether the shift over the answers is in the weights or in the words that they read."""
    if rows.empty:
        return f"Words or weights, {said(branch)}: not measured"
    top = rows.sort_values("value", ascending=False).iloc[0]
    whose = f"The shift over {said(branch)}'s answers"
    if top.low > 0.5:
        return f"{whose} lies mostly in {top.label} ({top.value:.0%})"
    return f"{whose}: neither the words nor the weights hold most of it"


def ends_of(rows: pd.DataFrame) -> list[End]:
    """Rows of `ends_rows` that are branches, as ends for a sentence."""
    return [
        End(str(r.label), r.value, r.low, r.high, r.null_high, r.p)
        for r in each(where(rows, ~rows.quiet))
    ]
