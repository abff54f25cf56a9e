"""The cast as a tree and as a matrix: who is like whom, in the order of the tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from psm_viz.charts.findings import listed, number
from psm_viz.charts.frames import each
from psm_viz.charts.label_placement import LETTER
from psm_viz.charts.map_plane import own
from psm_viz.charts.palette import Palette, family_colours, family_shapes, finish, readable
from psm_viz.charts.plane import row_names
from psm_viz.charts.sentences import MOST, SAID, sentence
from psm_viz.stats.cast_tree import Tree, Trust
from psm_viz.study.cast import Cast

NARROW, WIDE = 13, 20
"""Height of a leaf in pixels, where there are many and where there are few."""
FEW = 45
"""So many leaves are few."""


@dataclass(frozen=True)
class Leaf:
    """What stands at an end of the tree: a persona, or a family."""

    name: str
    family: str
    """Id of its family."""


def height_of(n: int) -> int:
    """The height in pixels of a figure with a row for each of n leaves."""
    return 52 + n * (WIDE if n <= FEW else NARROW)


def segments(tree: Tree) -> pd.DataFrame:
    """The straight pieces of the tree: x, y, x2, y2, where x is a distance and y counts leaves from
    the top."""
    n = len(tree.order)
    x, y = np.zeros(2 * n - 1), np.zeros(2 * n - 1)
    y[tree.order] = np.arange(n)
    pieces = []
    for k, (a, b, distance, _) in enumerate(tree.merges):
        i, j, new = int(a), int(b), n + k
        x[new], y[new] = distance, (y[i] + y[j]) / 2
        pieces += [(x[c], y[c], distance, y[c]) for c in (i, j)]
        pieces.append((distance, y[i], distance, y[j]))
    return pd.DataFrame(pieces, columns=["x", "y", "x2", "y2"])


def tree_chart(
    tree: Tree, leaves: Sequence[Leaf], cast: Cast, p: Palette, size: tuple[int | None, int]
) -> Any:
    """The tree with its root at the left and its leaves named at the right."""
    names = _leaf_frame(tree, leaves, cast, p)
    n, most = len(leaves), float(tree.merges[-1, 2])
    room = 24 + LETTER * max(len(leaf.name) for leaf in leaves) * (1.15 if n <= FEW else 1)
    across = alt.Scale(
        domain=[most * 1.02, 0], range=[4, alt.ExprRef(f"width - {room:.0f}")], nice=False
    )
    axis = alt.Axis(title="cosine distance at which two join", tickCount=4, titlePadding=14)
    down = alt.Scale(domain=[n - 0.5, -0.5], nice=False, zero=False)
    y: dict[str, Any] = {"y": alt.Y("y:Q", scale=down, axis=None)}
    lines = alt.Chart(segments(tree)).mark_rule(color=p.soft, strokeWidth=1.2, aria=False)
    at = alt.Chart(names).encode(x=alt.X("x:Q", scale=across, axis=axis), **y)
    mark = at.mark_point(filled=True, size=46, opacity=1, xOffset=7, aria=False)
    word = at.mark_text(align="left", dx=15, fontSize=12.5 if n <= FEW else 10.5)
    return finish(
        alt.layer(
            lines.encode(x=alt.X("x:Q", scale=across, axis=axis), x2="x2:Q", y2="y2:Q", **y),
            mark.encode(color=own("colour"), shape=own("shape")),
            word.encode(
                text="text:N",
                color=alt.Color("word:N", scale=None, legend=None),
                description="said:N",
            ),
        ),
        p,
        size[1],
        size[0],
    )


def _leaf_frame(tree: Tree, leaves: Sequence[Leaf], cast: Cast, p: Palette) -> pd.DataFrame:
    """The leaves from top to bottom with their marks."""
    colours, shapes = family_colours(cast, p), family_shapes(cast)
    home = {f.id: f for f in cast.families}
    rows = []
    for y, k in enumerate(tree.order):
        leaf = leaves[int(k)]
        family = home[leaf.family]
        of = "" if family.name == leaf.name else f", one of the {family.name.lower()}"
        rows.append(
            {
                "x": 0.0,
                "y": float(y),
                "text": leaf.name,
                "colour": colours[leaf.family],
                "word": readable(colours[leaf.family], p),
                "shape": shapes[leaf.family],
                "said": f"{leaf.name}{of}, of the {cast.kins.get(family.kin, '').lower()}, "
                f"stands at place {y + 1} of {len(leaves)} in the tree.",
            }
        )
    return pd.DataFrame(rows)


def matrix_chart(
    tree: Tree,
    cosines: np.ndarray,
    leaves: Sequence[Leaf],
    p: Palette,
    size: tuple[int | None, int],
) -> Any:
    """Cosines of each two leaves [leaf, leaf], both ways in the order of the tree. In a file, where
    no tree stands beside it, rows have their names as far as these can be read."""
    n, order = len(leaves), tree.order
    named = _distinct([leaves[int(k)].name for k in order])
    cells = pd.DataFrame(
        {
            "row": np.repeat(np.arange(n, dtype=np.int16), n),
            "column": np.tile(np.arange(n, dtype=np.int16), n),
            "cosine": cosines[np.ix_(order, order)].astype(np.float32).round(3).ravel(),
            "one": pd.Categorical(np.repeat(named, n), categories=named),
            "other": pd.Categorical(np.tile(named, n), categories=named),
        }
    )
    stops = [-1, -0.5, 0, 0.5, 1]
    legend = alt.Legend(
        title="cosine",
        orient="bottom",
        direction="horizontal",
        gradientLength=180,
        gradientThickness=8,
        values=[-1, 0, 1],
        titleFontWeight="normal",
        titleColor=p.soft,
        labelColor=p.ink,
        offset=4,
    )
    scale = alt.Scale(domain=stops, range=list(p.scale), interpolate="lab", clamp=True)
    band = alt.Scale(padding=0.04 if n <= FEW else 0)
    axis = {"axis": None, "sort": None, "scale": band}
    tips = [alt.Tooltip("one:N"), alt.Tooltip("other:N"), alt.Tooltip("cosine:Q", format=".2f")]
    spoken = len(cells) <= MOST
    more: dict[str, Any] = {}
    if spoken:
        more["description"] = SAID
        cells["said"] = [
            sentence(f"{r.one} and {r.other}", f"cosine {number(r.cosine)}") for r in each(cells)
        ]
    rects = alt.Chart(cells).mark_rect(aria=spoken)
    chart = rects.encode(
        **more,
        x=alt.X("column:O", **axis),
        y=alt.Y("one:N", sort=named, scale=band, axis=alt.Axis(**row_names(p)))
        if size[0] is not None and n <= FEW
        else alt.Y("row:O", **axis),
        color=alt.Color("cosine:Q", scale=scale, legend=legend),
        tooltip=tips,
    )
    return finish(chart, p, size[1], size[0])


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, those that occur twice told apart by their place."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def pair_table(tree: Tree, cosines: np.ndarray, leaves: Sequence[Leaf]) -> pd.DataFrame:
    """Each two leaves with their cosine, and the distance at which the tree joins them."""
    one, other = np.triu_indices(len(leaves), 1)
    names = [leaf.name for leaf in leaves]
    out = pd.DataFrame(
        {
            "one": [names[i] for i in one],
            "other": [names[j] for j in other],
            "cosine": cosines[one, other].round(4),
            "joined at": tree.heights.round(4),
        }
    )
    return out.sort_values("cosine", ascending=False, ignore_index=True)


def split_finding(tree: Tree, leaves: Sequence[Leaf], cast: Cast) -> str:
    """What the first split parts: kins, or families where all leaves are of one kin; each is told
    on the side where most of its leaves are."""
    kin = {f.id: f.kin for f in cast.families}
    names = {f.id: f.name for f in cast.families}
    of = [kin[leaf.family] for leaf in leaves]
    if len(set(of)) > 1:
        names = {k: name.split(" and ")[0] for k, name in cast.kins.items()}
    else:
        of = [leaf.family for leaf in leaves]
    side = tree.groups(2)
    told: list[list[str]] = [[], []]
    for group in dict.fromkeys(of):
        mine = [int(s) for s, g in zip(side, of, strict=True) if g == group]
        told[int(2 * mine.count(2) > len(mine))].append(_small(names.get(group, group)))
    if all(told):
        return f"The first split parts {listed(told[0])} from {listed(told[1])}"
    few = min((1, 2), key=lambda s: int((side == s).sum()))
    apart = [leaf.name for leaf, s in zip(leaves, side, strict=True) if s == few]
    more = f" and {len(apart) - 3} more" if len(apart) > 3 else ""
    return f"The first split parts {listed(apart[:3])}{more} from the rest"


def _small(name: str) -> str:
    """A name inside a sentence."""
    return name[:1].lower() + name[1:]


TRUSTED = {
    "fit": "Fits a tree",
    "halves": "Two halves agree",
    "families": "Finds the families",
}
"""Rows of the figure of trust."""


def trust_rows(figures: Sequence[tuple[str, Trust]]) -> pd.DataFrame:
    """Rows for `dot_chart` of figures of the tree, each a key of `TRUSTED` and what was found."""
    rows = []
    for key, t in figures:
        inside = t.value <= t.null_high
        rows.append(
            {
                "label": f"{TRUSTED[key]}, {t.null}" if key == "fit" else TRUSTED[key],
                "value": t.value,
                "null_low": t.null_low,
                "null_high": t.null_high,
                "note": "no better" if inside else "",
                "filled": not inside,
            }
        )
    return pd.DataFrame(rows)


def trust_finding(fits: Sequence[Trust]) -> str:
    """Whether the distances are those of a tree, beside noise that holds no group."""
    t = fits[0]
    told = f"cophenetic correlation {number(t.value)}, of Gaussian noise {number(t.null_low)} to "
    told += number(t.null_high)
    if t.value > t.null_high:
        return f"The cast lies in groups: a tree fits it better than noise ({told})"
    return f"Read this tree with care: it fits no better than a tree of noise ({told})"
