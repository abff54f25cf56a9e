"""The words about a claim's chart: its name, the words at its bar, its caption, the verdict."""

from __future__ import annotations

import re

from psm_viz.charts import bar_strips
from psm_viz.charts.claim_marks import OBSERVER, drawable, seed_shapes
from psm_viz.charts.claims import figure_groups, intervals_of, own_groups
from psm_viz.charts.findings import number
from psm_viz.claims.verdict import AGAINST, CONSISTENT, UNDECIDED, Claim, measures_of

VERDICTS = {
    CONSISTENT: "Consistent with the claim",
    AGAINST: "Not consistent with the claim",
    UNDECIDED: "Undecided",
}
GLYPHS = {
    "circle": "\N{BLACK CIRCLE}",
    "square": "\N{BLACK SQUARE}",
    "triangle-up": "\N{BLACK UP-POINTING TRIANGLE}",
    "diamond": "\N{BLACK DIAMOND}",
    "cross": "\N{HEAVY GREEK CROSS}",
    "triangle-down": "\N{BLACK DOWN-POINTING TRIANGLE}",
}


def key_of(claim: Claim) -> str:
    """A claim's id as a name that links, files and style sheets can use."""
    return "claim-" + re.sub(r"[^a-z0-9]+", "-", claim.id.lower()).strip("-")


def bar_name(claim: Claim) -> str:
    """The words at the bar of a claim's chart."""
    rule, m = claim.picture.rule, claim.figure
    if rule is None:
        return ""
    if rule == m.bar and figure_groups(claim):
        return bar_strips.bar_words(m)
    return f"bar {number(rule)}" if rule else ""


def seeds_of(claim: Claim) -> str:
    """The seeds whose marks are drawn, in words."""
    seeds = sorted({int(s) for s in drawable(claim.picture).seed.dropna()})
    return f"seed{'s' if len(seeds) != 1 else ''} {', '.join(map(str, seeds))}"


def over_of(claim: Claim) -> str:
    """What the intervals in a claim's chart are over, in words; '' where it draws none."""
    drawn = intervals_of(claim.picture, [m for _, m in measures_of(claim)])
    return " or ".join(dict.fromkeys(i.over for i in drawn.values()))


def caption_of(claim: Claim) -> str:
    """What the marks of a chart are, and the claim's notes."""
    pic = claim.picture
    rows, n = drawable(pic), seeds_of(claim)
    if pic.kind == "pairs":
        glyphs = ", ".join(f"{GLYPHS.get(g, g)} {who}" for who, g in seed_shapes(rows).items())
        words = f"One mark a topic and seed ({glyphs}); on the line both are equal."
    elif pic.kind == "lines":
        words = f"Thin lines: {n}; thick: their mean."
    else:
        words = f"One mark a seed ({n}, from above); upright: their mean."
        if found := over_of(claim):
            words += f" Pale bar: 95 % interval over {found}."
        if own_groups(claim):
            words += " In colour: the Assistant, the claim's own figure."
    if rows.seed.isna().any():
        words += f" Hollow diamond: {OBSERVER}."
    return " ".join([words, *claim.notes])
