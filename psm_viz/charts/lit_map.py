"""A map on which some talks and personas are lit: where found answers were given.

Input is the points of a map of talks (`talk_map`) or of a stored map of personas. What is lit is
filled and large, what is not is an outline: no colour tells it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.map_ground import HEIGHT, Ground, MapView, ground, laid_out
from psm_viz.charts.map_plane import coordinates, xy
from psm_viz.charts.palette import Palette, finish
from psm_viz.charts.persona_map import chosen_persona, targets, zoom
from psm_viz.charts.sentences import SAID
from psm_viz.charts.talk_map import dots_at, land, talk_targets
from psm_viz.study.cast import ASSISTANT, Cast

SMALLEST, LARGEST = 50, 420
"""Area of the ring about a persona with one found answer, and with the most, in square pixels."""


@dataclass(frozen=True)
class Lit:
    """How many answers were found: in the Assistant's talks at the checkpoint that is drawn, in the
    talks of the cast that are the land, and of each persona altogether."""

    checkpoint: str
    talks: Mapping[int, int] = field(default_factory=dict)
    land: Mapping[tuple[str, int], int] = field(default_factory=dict)
    people: Mapping[str, int] = field(default_factory=dict)


def lit_of(counts: pd.DataFrame | None, checkpoint: str, reference: str, assistant: str) -> Lit:
    """What is lit by counts of found answers (checkpoint, persona, talk, n), on a map that shows
    the Assistant's talks at a checkpoint and the cast's at the reference."""
    if counts is None or counts.empty:
        return Lit(checkpoint)
    in_talk = where(counts, counts.talk >= 0)
    own = where(in_talk, (in_talk.persona == assistant) & (in_talk.checkpoint == checkpoint))
    cast = where(in_talk, (in_talk.persona != assistant) & (in_talk.checkpoint == reference))
    people = where(counts, counts.persona != assistant).groupby("persona").n.sum()
    return Lit(
        checkpoint,
        {int(r.talk): int(r.n) for r in each(own)},
        {(str(r.persona), int(r.talk)): int(r.n) for r in each(cast)},
        {str(i): int(n) for i, n in people.items()},
    )


def checkpoint_to_draw(counts: pd.DataFrame | None, offered: Sequence[str], assistant: str) -> str:
    """The one of these checkpoints with most found answers in talks of the Assistant; the first of
    them where there is none."""
    if counts is None or counts.empty:
        return offered[0]
    in_talk = (counts.persona == assistant) & (counts.talk >= 0)
    own = where(counts, in_talk & counts.checkpoint.isin(list(offered)))
    return str(own.groupby("checkpoint").n.sum().idxmax()) if len(own) else offered[0]


def lit_map(
    points: pd.DataFrame,
    cast: Cast,
    lit: Lit,
    view: MapView,
    p: Palette,
    size: tuple[int | None, int] = (None, HEIGHT),
) -> Any:
    """The land with the found answers lit; `size` (None, h) lets the page choose the width."""
    talks = "talk" in points
    at = coordinates(dots_at(points, lit.checkpoint) if talks else points.head(0), view.projection)
    g = ground(
        land(points) if talks else points,
        cast,
        replace(view, blocks=talks, land=talks, fade=False),
        p,
        laid_out(size),
        columns(at, ["px", "py"]) if len(at) else None,
    )
    layers = [*g.layers, *_cast_talks(g, points, lit, view), *_people(g, lit), *_dots(g, at, lit)]
    layers += g.over
    if view.selected != ASSISTANT:
        layers += chosen_persona(g, view.selected)
    for row in g.targets:
        n = lit.people.get(row["id"], 0)
        row["note"] = f"{n:,} found" if n else "none found"
    g.targets += talk_targets(
        at,
        lit.checkpoint,
        lambda r: f"{lit.talks[r.talk]} found" if r.talk in lit.talks else "none found",
    )
    layers.append(targets(g).add_params(zoom()))
    return finish(alt.layer(*layers), p, size[1], size[0])


def _cast_talks(g: Ground, points: pd.DataFrame, lit: Lit, view: MapView) -> list[Any]:
    """The cast's talks in which something was found, dark on the pale land."""
    if not lit.land:
        return []
    own = where(points, points.kind == "talk")
    found = [(str(r.persona), int(r.talk)) in lit.land for r in each(own)]
    rows = coordinates(where(own, np.array(found, bool)), view.projection)
    if rows.empty:
        return []
    name = dict(zip(g.personas.id, g.personas.label, strict=True))
    said = [f"Talk {r.talk} of {name.get(r.persona, r.persona)}: found in it." for r in each(rows)]
    dots = alt.Chart(rows.assign(said=said)[["px", "py", "said"]]).mark_circle(
        size=30, fill=g.palette.ink, stroke=g.palette.paper, strokeWidth=0.6, opacity=0.85
    )
    return [dots.encode(**xy(g.frame), description=SAID)]


def _people(g: Ground, lit: Lit) -> list[Any]:
    """A ring about each persona who said something found, larger the more."""
    rows = where(g.personas, g.personas.id.isin(list(lit.people)))
    if rows.empty:
        return []
    share = np.array([lit.people[str(i)] for i in rows.id]) / max(lit.people.values())
    rings = (
        alt.Chart(rows.assign(area=SMALLEST + (LARGEST - SMALLEST) * share)[["px", "py", "area"]])
        .mark_point(
            shape="circle",
            filled=False,
            stroke=g.palette.ink,
            strokeWidth=1.1,
            opacity=0.75,
            aria=False,
        )
        .encode(**xy(g.frame), size=alt.Size("area:Q", scale=None, legend=None))
    )
    return [rings]


def _dots(g: Ground, at: pd.DataFrame, lit: Lit) -> list[Any]:
    """The Assistant's talks: those in which something was found filled, the others outlines."""
    p = g.palette
    found = at.talk.isin(list(lit.talks)) if len(at) else pd.Series(dtype=bool)
    layers = []
    for on in (False, True):
        rows = where(at, found == on) if len(at) else at
        if rows.empty:
            continue
        dots = alt.Chart(rows[["px", "py"]]).mark_circle(
            size=84 if on else 30,
            fill=p.accent if on else p.paper,
            stroke=p.paper if on else p.accent,
            strokeWidth=0.9,
            opacity=0.95 if on else 0.45,
            aria=False,
        )
        layers.append(dots.encode(**xy(g.frame)))
    return layers


def lit_table(lit: Lit, cast: Cast) -> pd.DataFrame:
    """What is lit, as a table: personas, then the Assistant's talks, with how many were found."""
    rows = [
        {"who": cast.persona(i).name, "talk": None, "found": n}
        for i, n in sorted(lit.people.items(), key=lambda r: -r[1])
    ]
    rows += [
        {"who": cast.assistant.name, "talk": t, "found": n} for t, n in sorted(lit.talks.items())
    ]
    return pd.DataFrame(rows, columns=["who", "talk", "found"])
