"""What moved most between two checkpoints: rows of a figure, and the sentences above it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from psm_viz.charts.drift_details import p_words
from psm_viz.charts.findings import listed, number
from psm_viz.charts.frames import each, where
from psm_viz.stats.significance import ALPHA

NAMED = 2
"""So many movers a sentence names."""
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Kind:
    """One kind of thing that can move, and how its movement is told."""

    many: str
    """What they are called."""
    share: bool
    """Whether values are shares, told in points of per cent."""
    unit: str
    what: str
    """What a value is, for the caption."""
    null: str
    """What the grey band is."""
    quoted: bool = False
    """Whether they are sentences, which another sentence has to quote."""


KINDS = {
    "families": Kind(
        "families",
        True,
        "of belief",
        "Change of the belief that the Assistant is of a family, over its talks, paired by their "
        "questions",
        "signs of all talks that end in one question flipped together",
    ),
    "personas": Kind(
        "personas",
        False,
        "SDs",
        "Change of everybody's place along the reference's Assistant axis (to the right: more "
        "Assistant), in standard deviations of the cast, over the same questions",
        "signs of whole topics flipped",
    ),
    "traits": Kind(
        "traits",
        False,
        "SDs",
        "The Assistant's movement along each trait, less the cast's, in standard deviations of the "
        "cast on it",
        "signs of whole topics flipped; p after a search over all traits",
    ),
    "questions": Kind(
        "questions",
        True,
        "of its answers",
        "Change of the share of bad among the Assistant's judged answers to a question, alone and "
        "in talks",
        "the same judgements dealt anew to the two checkpoints",
        quoted=True,
    ),
    "topics": Kind(
        "topics",
        False,
        "nats per token",
        "Change of how likely the Assistant finds bad written answers beside good ones, mean over "
        "the questions of a topic; to the right: bad answers became likelier",
        "signs of single questions flipped",
    ),
}


def amount(value: float, kind: Kind) -> str:
    """A movement in words: +23 points, or a number of standard deviations."""
    sign = "+" if value > 0 else MINUS
    if kind.share:
        return f"{sign}{abs(value) * 100:.0f} points"
    return f"{sign}{number(abs(value))} {kind.unit}"


def mover_rows(
    moves: pd.DataFrame, benign: pd.DataFrame | None, most: int, kind: Kind, own: str = ""
) -> pd.DataFrame:
    """The largest movers as rows for `dot_chart`: filled where the test says so; the benign
    branch's movement of the same as a tick. `own` is the id drawn in the accent, '' for all."""
    top = moves.head(most)
    beside = {} if benign is None else dict(zip(benign.id, benign.value, strict=True))
    notes = [f"{amount(r.value, kind)}, {p_words(r.p) or 'not tested'}" for r in each(top)]
    return top.assign(
        label=_apart(list(top.label)),
        filled=(top.p <= ALPHA).to_numpy(bool),
        tick=[beside.get(i, float("nan")) for i in top.id],
        note=notes,
        quiet=[bool(own) and i != own for i in top.id],
    ).reset_index(drop=True)


def _apart(labels: list[str]) -> list[str]:
    """Labels that are all different: a chart draws what shares a label in one row."""
    return [t if labels.count(t) == 1 else f"{t} ({n})" for n, t in enumerate(labels, 1)]


def mover_title(moves: pd.DataFrame, kind: Kind, relative: str = "") -> str:
    """What moved most, of what a test shows, and how many those are."""
    shown = where(moves, moves.p <= ALPHA)
    beyond = f" more than {relative}" if relative else ""
    if moves.empty:
        return f"Nothing was measured of {kind.many}"
    if shown.empty:
        return f"None of {len(moves)} {kind.many} moved{beyond} by more than chance would"
    marks = ("\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}")
    before, after = marks if kind.quoted else ("", "")
    first = shown.head(1 if kind.quoted else NAMED)
    top = [f"{before}{r.label}{after} ({amount(r.value, kind)})" for r in each(first)]
    chance = ALPHA * len(moves)
    many = (
        f"{len(shown)} of {len(moves)} {kind.many} moved{beyond} (by chance about {chance:.0f})"
        if chance >= 1
        else f"{len(shown)} of {len(moves)} {kind.many} moved{beyond}"
    )
    return f"{many}, most of all {listed(top)}"


def mover_words(
    kind: Kind, pair: tuple[str, str], shown: int, every: int, benign: str, relative: str
) -> str:
    """The caption of a figure of movers."""
    less = f", less what {relative} did" if relative else ""
    tick = f" Upright stroke: the same after {benign}, a benign branch." if benign else ""
    cut = (
        f" The {shown} largest of {every}; all are in the table under Data."
        if every > shown
        else ""
    )
    return (
        f"{kind.what}{less}, from {pair[0]} to {pair[1]}; 95 % interval. Grey: {kind.null}; "
        f"filled: p at most .05, each alone.{tick}{cut}"
    )


def mover_table(moves: pd.DataFrame, benign: pd.DataFrame | None) -> pd.DataFrame:
    """Every mover as a table, with the benign branch's movement beside it."""
    out = moves.drop(columns="id")
    if benign is None or benign.empty:
        return out
    beside = dict(zip(benign.id, benign.value, strict=True))
    return out.assign(benign=moves.id.map(beside))


def compare_title(families: pd.DataFrame, pair: tuple[str, str]) -> str:
    """The page's finding: who the Assistant is taken for more, and less, at the second."""
    start = f"From {pair[0]} to {pair[1]}"
    if pair[0] == pair[1]:
        return f"{pair[0]} beside itself: choose another checkpoint"
    if families.empty:
        return f"{pair[0]} beside {pair[1]}"
    shown = where(families, families.p <= ALPHA)
    if shown.empty:
        return f"{start} no change in whom the Assistant is taken for goes beyond chance"
    kind = KINDS["families"]
    ways = (
        ("more for", where(shown, shown.value > 0)),
        ("less for", where(shown, shown.value < 0)),
    )
    parts = []
    for word, own in ways:
        if len(own):
            names = [f"{r.label.lower()} ({amount(r.value, kind)})" for r in each(own.head(NAMED))]
            parts.append(f"{word} {listed(names)}")
    return f"{start} the Assistant is taken {', '.join(parts)}"
