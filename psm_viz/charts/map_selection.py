"""Who and what lies in an area of a map, or belongs to some families: a table to take along."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from psm_viz.charts.frames import each, where
from psm_viz.charts.map_plane import Area, coordinates
from psm_viz.charts.overlay import Overlay
from psm_viz.charts.persona_map import AREA
from psm_viz.study.cast import ASSISTANT, Cast

PERSONA, TALK = "persona", "talk"
"""What a row of the table is."""
COLUMNS = ["who", "what", "talk", "family", "kin", "x", "y"]


@dataclass(frozen=True)
class Wanted:
    """What a reader selects: what lies in an area, and whoever is of these families."""

    area: Area | None
    families: Collection[str]

    def __bool__(self) -> bool:
        """Whether anything is selected at all."""
        return self.area is not None or bool(self.families)


def area_of(selection: Mapping[str, Any] | None) -> Area | None:
    """The area that was drawn on a map, or None where none was, or none that has a size."""
    drawn = (selection or {}).get(AREA)
    if not isinstance(drawn, Mapping):
        return None
    ends: list[float] = []
    for axis in ("px", "py"):
        pair = drawn.get(axis)
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            return None
        try:
            low, high = sorted(float(v) for v in pair)
        except (TypeError, ValueError):
            return None
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            return None
        ends += [low, high]
    return Area(*ends)


def selected(
    points: pd.DataFrame, cast: Cast, wanted: Wanted, projection: str, overlay: Overlay | None
) -> pd.DataFrame:
    """The selected rows of a map: personas first, then talks, each by family and name.

    `points` has kind ('persona', 'talk' or 'assistant'), persona and coordinates, and talk (its
    number) for talks. Columns: `COLUMNS`, and those of the overlay.
    """
    at = coordinates(points, projection)
    family = {q.id: q.family for q in cast.all}
    mine = pd.Series([family.get(str(i), "") in wanted.families for i in at.persona], at.index)
    own = where(at, mine | wanted.area.holds(at) if wanted.area else mine)
    name = {q.id: q.name for q in cast.all}
    home = {f.id: f for f in cast.families}
    rows = []
    for r in each(own):
        group = home.get(family.get(str(r.persona), ""))
        number = float(getattr(r, "talk", -1))  # NaN: a persona among talks
        is_talk = number >= 0
        rows.append(
            {
                "what": TALK if is_talk else PERSONA,
                "who": name.get(str(r.persona), str(r.persona)),
                "family": group.name if group else "",
                "kin": cast.kins.get(group.kin, "") if group else "",
                "talk": int(number) if is_talk else None,
                "x": round(float(r.px), 3),
                "y": round(float(r.py), 3),
                "persona": str(r.persona),
            }
        )
    out = pd.DataFrame(rows, columns=[*COLUMNS, "persona"]).astype({"talk": "Int64"})
    more = overlay.columns(list(out.persona)) if overlay else {}
    out = out.assign(**more).sort_values(["what", "family", "who", "talk"], kind="stable")
    return out.reset_index(drop=True)


def with_words(table: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    """The table with what was said in each talk (`said`: persona, talk, said, bad)."""
    return table.merge(said, on=["persona", "talk"], how="left")


def words_of_talks(said: pd.DataFrame) -> pd.DataFrame:
    """The answers of each talk in one text, and how many of them are bad: persona, talk, said, bad.

    `said` has a row an answer: persona, talk, turn, text, valence.
    """
    plain = said.assign(persona=said.persona.astype(str), bad=said.valence.astype(str) == "bad")
    talks = plain.sort_values("turn").groupby(["persona", "talk"], sort=False)
    out = talks.agg(said=("text", lambda t: " / ".join(map(str, t))), bad=("bad", "sum"))
    return out.reset_index().astype({"talk": "Int64", "bad": "Int64"})


def selection_finding(table: pd.DataFrame) -> str:
    """How much is selected."""
    own = int((table.what == PERSONA).sum())
    cast = int(((table.what == TALK) & (table.persona != ASSISTANT)).sum())
    its = len(table) - own - cast
    parts = [_count(own, "persona")] if own or not len(table) else []
    parts += [_count(cast, "talk") + " of the cast"] if cast else []
    parts += [_count(its, "talk") + " of the Assistant"] if its else []
    return " and ".join(parts if len(parts) < 3 else [", ".join(parts[:2]), parts[2]]) + " selected"


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
