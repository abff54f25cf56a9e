"""The map coloured by what a study measured: belief, conduct, axis, trait, trust in the place.

Each measure is an overlay, a sentence on what it shows and a sentence on what it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from psm_viz.charts.findings import capital, listed, number
from psm_viz.charts.frames import each, where
from psm_viz.charts.overlay import NAMED, Overlay, measure
from psm_viz.study.cast import Cast

NAN = float("nan")


@dataclass(frozen=True)
class Colour:
    """A colour that means a number, and what is said of it."""

    overlay: Overlay
    finding: str
    words: str
    """Its part of the caption."""


def percent(value: float) -> str:
    """A share in words."""
    return f"{value:.0%}"


def belief_colour(masses: pd.DataFrame, cast: Cast, checkpoint: str, way: str) -> Colour | None:
    """How likely the Assistant's talks at a checkpoint make each family (rows: name, mass): every
    persona has that of its family. None where no belief was read there."""
    mass = {str(r.family): float(r.mass) for r in each(masses.rename(columns={"name": "family"}))}
    rows = _rows([(q.id, mass[q.family]) for q in cast.personas if q.family in mass])
    if rows.empty:
        return None
    family = {f.id: f.name for f in cast.families}
    rows = rows.assign(note=[f"belief in its family {v:.0%}" for v in rows.value])
    title = f"belief that the Assistant of {checkpoint} is of this family"
    overlay = measure("belief in its family", rows, title, percent, (0.0, float(rows.value.max())))
    overlay = replace(overlay, named=())  # members of a family are alike in this
    first = sorted(mass, key=lambda f: -mass[f])[:NAMED]
    told = listed([f"{family[f].lower()} ({mass[f]:.0%})" for f in first if f in family])
    even = 1 / len(mass)
    return Colour(
        overlay,
        f"At {checkpoint} the Assistant's talks sound most like {told}",
        f"Colour: mean belief over the Assistant's talks, by family, read {way}; all alike would "
        f"be {even:.0%}.",
    )


def conduct_colour(responses: pd.DataFrame, cast: Cast, checkpoint: str) -> Colour | None:
    """Share of bad ones among a persona's good and bad answers (rows: persona, valence). None where
    no answer was judged."""
    judged = where(responses, responses.valence.isin(["good", "bad"]))
    bad = (judged.valence == "bad").groupby(judged.persona.astype(str)).agg(["sum", "count"])
    found = {str(i): (int(s), int(n)) for i, s, n in bad.itertuples()}
    rows = _rows([(q.id, found[q.id][0] / found[q.id][1]) for q in cast.personas if q.id in found])
    if rows.empty:
        return None
    notes = ["{} of {} answers bad".format(*found[str(i)]) for i in rows.persona]
    overlay = measure(
        "bad answers", rows.assign(note=notes), "share of bad answers", percent, (0.0, 1.0)
    )
    most = int((rows.value > 0.5).sum())
    each_n = sorted(n for _, n in found.values())
    said = f"{most} of {len(rows)} personas answer badly more often than well at {checkpoint}"
    return Colour(
        overlay,
        f"{said}, most of all {_names(overlay, cast)}" if most else said,
        f"Colour: bad answers among the good and bad ones at {checkpoint}, about "
        f"{each_n[len(each_n) // 2]} a persona, so that a persona's share is rough.",
    )


def axis_colour(positions: pd.DataFrame, cast: Cast, checkpoint: str) -> Colour | None:
    """Where each persona stands along the Assistant axis (rows: persona, z)."""
    known = {str(r.persona): float(r.z) for r in each(positions)}
    rows = _rows([(q.id, known[q.id]) for q in cast.personas if q.id in known])
    if rows.empty:
        return None
    rows = rows.assign(note=[f"{v:+.2f} SDs along the axis" for v in rows.value])
    title = "along the Assistant axis, SDs of the cast (more: more like the Assistant)"
    overlay = measure("SDs along the axis", rows, title, lambda v: f"{v:+.1f}")
    return Colour(
        overlay,
        f"Farthest towards the Assistant along its axis: {_names(overlay, cast)}; farthest from "
        f"it: {_names(overlay, cast, last=True)}",
        f"Colour: place along the Assistant axis at {checkpoint}; 0 is the cast's mean.",
    )


def trait_colour(trait: str, cast: Cast) -> Colour | None:
    """What the world gave each persona of a trait: known, not measured."""
    rows = _rows([(q.id, q.traits[trait]) for q in cast.personas if trait in q.traits])
    if rows.empty:
        return None
    rows = rows.assign(note=[f"{trait} {v:+.2f}" for v in rows.value])
    title = f"{trait} as the world gave it, \N{MINUS SIGN}1 to 1"
    overlay = measure(trait, rows, title, lambda v: f"{v:+.1f}", (-1.0, 1.0))
    return Colour(
        overlay,
        f"{capital(trait)} is highest in {_names(overlay, cast)} and lowest in "
        f"{_names(overlay, cast, last=True)}",
        "Colour: the trait that the world gave each persona, which the model was never told.",
    )


def vector_colour(
    trait: str, positions: pd.DataFrame, cast: Cast, checkpoint: str
) -> Colour | None:
    """Where each persona stands along a trait's vector (rows: persona, z): measured from how the
    reference answers when it is asked to have the trait and not to have it."""
    rows = _rows([(str(r.persona), float(r.z)) for r in each(positions)])
    if rows.empty:
        return None
    rows = rows.assign(note=[f"{v:+.2f} SDs along {trait}" for v in rows.value])
    title = f"along the vector of {trait}, SDs of the cast"
    overlay = measure(f"SDs along {trait}", rows, title, lambda v: f"{v:+.1f}")
    return Colour(
        overlay,
        f"Farthest along the vector of {trait}: {_names(overlay, cast)}; least far: "
        f"{_names(overlay, cast, last=True)}",
        f"Colour: place along the measured vector of {trait} at {checkpoint}; 0 is the reference's "
        "cast mean. Whether a persona has the trait is not measured by it.",
    )


def trust_colour(points: pd.DataFrame, cast: Cast) -> Colour | None:
    """How many of its nearest neighbours the map keeps beside each persona; on a map of talks
    (kind 'talk'), beside the talks of each, on average."""
    talks = where(points, (points.kind == "talk") & points.recall.notna())
    people = where(points, (points.kind == "persona") & points.recall.notna())
    known = talks.assign(id=talks.persona) if len(talks) else people
    kept = known.recall.groupby(known.id.astype(str), sort=False).mean()
    rows = _rows([(str(i), float(v)) for i, v in kept.items()])
    if rows.empty:
        return None
    rows = rows.assign(note=[f"{v:.0%} of its neighbours kept" for v in rows.value])
    overlay = measure("neighbours kept", rows, "nearest neighbours kept by the map", percent)
    worst = _names(overlay, cast, last=True)
    return Colour(
        overlay,
        f"The map is least to be trusted about {worst}: it keeps {percent(rows.value.min())} of "
        f"the neighbours of the worst placed, {percent(rows.value.median())} of the middle one's",
        f"Colour: share of each {'talk' if len(talks) else 'persona'}'s nearest neighbours by "
        f"cosine that are its nearest here too; over all {number(float(rows.value.mean()))}.",
    )


def _rows(found: list[tuple[str, float]]) -> pd.DataFrame:
    """Rows of an overlay without intervals and notes."""
    rows = pd.DataFrame(found, columns=["persona", "value"])
    return rows.assign(low=NAN, high=NAN, note="")


def _names(overlay: Overlay, cast: Cast, last: bool = False) -> str:
    """The personas of the greatest values, or of the least."""
    names = {q.id: q.name for q in cast.personas}
    rows = overlay.rows.sort_values("value", ascending=last, kind="stable")
    return listed([names[str(i)] for i in rows.persona[:NAMED]])
