"""The sentences and rows about the talks of branches: how belief moved, beyond benign training, and
whether the cast moved along. Made from a study's tables, never by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from psm_viz.charts.drift_details import p_words
from psm_viz.charts.findings import capital, listed, said
from psm_viz.charts.frames import each, where
from psm_viz.stats.significance import ALPHA
from psm_viz.study.cast import Cast

MARKED = "marked"
MANY = 3
"""So many branches a sentence tells one by one; of more, the least and the most."""


def points(change: float) -> str:
    """A change of a share as percentage points with a true sign."""
    value = round(100 * change)
    sign = "\N{MINUS SIGN}" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value)} point{'' if abs(value) == 1 else 's'}"


def rows_of(belief: pd.DataFrame, way: str, answers: int) -> pd.DataFrame:
    """The rows of the marked families' mass, read in one way after so many answers."""
    own = where(belief, (belief.way == way) & (belief.answers == answers))
    return where(own, own.of == MARKED)


def marked_words(cast: Cast, marked: Sequence[str]) -> str:
    """The marked families by their kins: 'con artists, tyrants or cold AIs'."""
    kin = {f.id: f.kin for f in cast.families}
    kins = list(dict.fromkeys(kin[f] for f in marked if f in kin))
    words = [cast.kins[k].split(" and ")[0] for k in kins]
    return either([w[:1].lower() + w[1:] for w in words])


def either(words: Sequence[str]) -> str:
    """a; a or b; a, b or c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def course_title(
    mass: pd.DataFrame,
    ends: Mapping[str, tuple[str, int]],
    reference: str,
    who: str,
    begun: Collection[str] = (),
) -> str:
    """The belief that the families `who` speak in the Assistant's talks, at the end of each branch
    and at the reference. `mass`: their rows (`rows_of`); `ends`: branch -> its last checkpoint and
    step; `begun`: branches that start from the reference, so that it is what was before them.

    Branches without a figure are left out.
    """
    by = {str(r.checkpoint): float(r.mass) for r in each(mass)}
    found = {b: (by[c], step) for b, (c, step) in ends.items() if c in by}
    if not found:
        return "No talks were held after these branches"
    ordered = sorted(found, key=lambda b: -found[b][0])
    top, rest = ordered[0], ordered[1:]
    share, step = found[top]
    first = f"After {step} steps of {said(top)} the belief that {who} speak is {share:.0%}"
    if reference in by:
        first += f", {'before it' if top in begun else 'at the reference'} {by[reference]:.0%}"
    if not rest:
        return first
    if len(rest) < MANY:
        told = [f"{found[b][0]:.0%} after {found[b][1]} of {said(b)}" for b in rest]
        return f"{first}; {listed(told)}"
    least, most = f"{found[rest[-1]][0]:.0%}", f"{found[rest[0]][0]:.0%}"
    between = most if least == most else f"{least} to {most}"
    return f"{first}; {between} after the other {len(rest)} branches, each at its end"


def apart_rows(
    table: pd.DataFrame, ends: Mapping[str, tuple[str, int]], column: str
) -> pd.DataFrame:
    """A row a branch of a table's figure `column` (`change`, `did`), for `dot_chart`: filled where
    p is at most .05."""
    rows = []
    for branch, (checkpoint, step) in ends.items():
        at = where(table, table.checkpoint == checkpoint).rename(
            columns={column: "value"} | {f"{column}_{k}": k for k in ENDS}
        )
        if len(at) and pd.notna(at.value.iloc[0]):
            rows.append({"label": f"{branch}, step {step}", "branch": branch, **dot_row(at)})
    return pd.DataFrame(rows)


ENDS = ("low", "high", "null_low", "null_high", "p")


def dot_row(at: pd.DataFrame) -> dict[str, object]:
    """The first of some rows as one of `dot_chart`: filled where p is at most .05."""
    r = next(each(at))
    values = {k: float(getattr(r, k)) for k in ("value", *ENDS[:-1])}
    return {**values, "note": p_words(float(r.p)), "filled": float(r.p) <= ALPHA}


def apart_title(rows: pd.DataFrame, who: str, beside: str) -> str:
    """After which branches the belief in the families lies higher, or lower, than after the branch
    `beside`; without one, than at the reference. Only differences that their test tells from none
    are stated; of many on one side the least and the most."""
    if rows.empty:
        return "No branch can be set beside another"
    other = said(beside) if beside else "the reference"
    moved = where(rows, rows.filled)
    parts = []
    for side, own in (("higher", moved[moved.value > 0]), ("lower", moved[moved.value < 0])):
        told = sorted(each(own), key=lambda r: -abs(r.value))
        names = [f"{said(r.branch)} ({points(r.value)})" for r in told]
        if len(names) > MANY:
            names = [*names[:1], f"{len(names) - 1} more branches (to {points(told[-1].value)})"]
        parts += [f"{side} after {listed(names)}"] if names else []
    if not parts:
        return f"Beside {other}, no branch shows another belief that {who} speak"
    return f"Beside {other}, the belief that {who} speak is {'; '.join(parts)}"


def direction_words(
    table: pd.DataFrame, ends: Mapping[str, tuple[str, int]], column: str, way: str
) -> str:
    """The same of the projection on the fixed direction, from those who act well to those who act
    badly, as a sentence; '' where it was not measured. `table` is `belief_direction`."""
    told = []
    for branch, (checkpoint, _) in ends.items():
        at = where(table, (table.checkpoint == checkpoint) & (table.way == way))
        r = next(each(at), None)
        if r is None or pd.isna(getattr(r, column)):
            continue
        value, low, high = (
            f"{getattr(r, column + k):.2f}".replace("-", "\N{MINUS SIGN}")
            for k in ("", "_low", "_high")
        )
        p = p_words(float(getattr(r, f"{column}_p")))
        told.append(f"{branch} {value} [{low}, {high}] {p}".strip())
    if not told:
        return ""
    return (
        "States of whole talks along a direction fixed before, from families who act well to those "
        f"who act badly, in standard deviations of the cast's talks: {'; '.join(told)}."
    )


LEAK = {
    "assistant": "the Assistant",
    "well": "characters who act well",
    "stranger": "somebody without a name",
}
"""Whose talks are set beside each other: those who act badly anyway can hardly get worse."""


def leak_rows(conduct: pd.DataFrame, ends: Mapping[str, tuple[str, int]]) -> pd.DataFrame:
    """By branch, how the share of bad answers changed in talks of the Assistant and of the cast:
    rows for `dot_chart`."""
    names = {"change": "value", "change_low": "low", "change_high": "high"}
    own = where(conduct, conduct.of == "bad").drop(columns=[*names.values()]).rename(columns=names)
    rows = []
    for branch, (checkpoint, _) in ends.items():
        for who, name in LEAK.items():
            at = where(own, (own.checkpoint == checkpoint) & (own.who == who))
            if at.empty or pd.isna(at.value.iloc[0]):
                continue
            key = {"label": f"{branch}: {name}", "branch": branch, "who": who}
            rows.append({**key, **dot_row(at), "quiet": who != "assistant"})
    return pd.DataFrame(rows)


def leak_title(rows: pd.DataFrame) -> str:
    """What the branch that moved the Assistant most did to the cast, in points of bad answers."""
    own = [r for r in each(rows) if r.who == "assistant"]
    if not own:
        return "Nobody judged the Assistant's answers in these talks"
    top = max(own, key=lambda r: r.value)
    first = f"{capital(said(top.branch))}: bad answers of the Assistant {points(top.value)}"
    cast = [r for r in each(rows) if r.branch == top.branch and r.who == "well"]
    return f"{first}, of characters who act well {points(cast[0].value)}" if cast else first
