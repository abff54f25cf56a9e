"""What a push along a direction does to conduct, dose by dose, beside random directions: the table
that `steer --out` writes, as a figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from psm_viz import paths
from psm_viz.charts.figures import Facts, Missing, Shown, Told
from psm_viz.charts.findings import capital, listed
from psm_viz.charts.line_chart import LineLook
from psm_viz.charts.method_figures import lines_figure
from psm_viz.charts.reads import Reads
from psm_viz.errors import BadFile
from psm_viz.study.reader import Study

COLUMNS = (
    *("what", "who", "strength", "value", "low", "high"),
    *("random", "random_low", "random_high"),
)
KEYS = ("study", "direction", "unit", "rows", "layer", "held_layers", "draws", "reference")
MAKE = "python -m psm_viz steer --out data/doses.json"
PUSHED, FREE, HELD = "pushed", "free", "held"
THIS, RANDOM = "this direction", "random directions"


def doses_figure(reads: Reads, path: Path = paths.DOSES) -> Shown:
    """The rate of bad answers by how far the untouched Assistant is pushed. Raises BadFile."""
    found = doses_of(reads.study, path)
    if found is None:
        return Missing("No direction was tried dose by dose on this study.", MAKE)
    table = pd.DataFrame(found["rows"], columns=list(COLUMNS))
    rows, band = dose_rows(table)
    title = dose_title(table)
    held = held_words(table, found)
    told = Told(
        name="doses",
        title=title,
        words=f"{capital(found['unit'])}, while the residual stream is pushed along "
        f"{along(found)} at layer {found['layer']}; strength in standard deviations of the cast "
        f"along it. Grey: where 95 % of {found['draws']} random directions of the same length "
        f"fall.{held}",
        alt=f"Bad answers by dose of a push. {title}.",
        key="doses",
        facts=Facts(
            n=f"{found['questions']} questions on {found['topics']} topics",
            layer=int(found["layer"]),
            interval="95 % over topics",
            null=f"{found['draws']} random directions of the same length",
        ),
    )
    look = LineLook(
        bands=[(RANDOM, band)], percent=True, x_title="strength, standard deviations of the cast"
    )
    return lines_figure(rows, table, look, told)


def has_doses(study: Study, path: Path = paths.DOSES) -> bool:
    """Whether doses were tried on this study; a file that cannot be read is told where it is
    drawn."""
    try:
        return doses_of(study, path) is not None
    except BadFile:
        return True


def doses_of(study: Study, path: Path) -> dict[str, Any] | None:
    """The table, where there is one and it is this study's. Raises BadFile."""
    found = read_doses(path)
    return found if found and found["study"]["name"] == study.manifest.name else None


def read_doses(path: Path) -> dict[str, Any] | None:
    """The table that `steer --out` wrote; None where there is none. Raises BadFile."""
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_bytes())
        missing = set(KEYS) - set(found)
        missing |= {c for row in found["rows"] for c in COLUMNS if c not in row}
        if missing:
            raise ValueError(f"no {sorted(missing)[0]!r}")
        return found
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BadFile(
            f"{path}: cannot be read as a table of doses ({e}).", f"Make it again: {MAKE}"
        ) from e


def along(found: dict[str, Any]) -> str:
    """The direction in words."""
    name = str(found["direction"])
    branch = name.removeprefix("arrow:")
    return f"the way that {branch} moved the Assistant" if branch != name else name


def dose_rows(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of a line (series, x, value, low, high), the untouched model at 0 among them, and the
    band of random directions (x, low, high)."""
    pushed = table[table.what == PUSHED]
    free = table[table.what == FREE].iloc[:1]  # the reference's stands first
    # nothing is pushed at 0, so that no direction is a random one
    at_rest = free.assign(random_low=free.value, random_high=free.value)
    every = pd.concat([pushed, at_rest]).astype({"strength": float}).sort_values("strength")
    rows = every.rename(columns={"strength": "x"})[["x", "value", "low", "high"]]
    band = pd.DataFrame(
        {"x": every.strength, "low": every.random_low, "high": every.random_high}
    ).astype(float)
    return rows.assign(series=THIS), band.reset_index(drop=True)


def dose_title(table: pd.DataFrame) -> str:
    """What the largest push does, beside what random ones as long do."""
    free = table[table.what == FREE].iloc[0]
    top = table[table.what == PUSHED].sort_values("strength").iloc[-1]
    return (
        f"Pushed {top.strength:g} SDs it answers badly in {top.value:.0%} (unpushed "
        f"{free.value:.0%}, at random {top.random_low:.0%} to {top.random_high:.0%})"
    )


def held_words(table: pd.DataFrame, found: dict[str, Any]) -> str:
    """What holding other checkpoints in the reference's bands does; '' where it was not tried."""
    rows = table.to_dict("records")
    free = {r["who"]: r["value"] for r in rows if r["what"] == FREE}
    said = [
        f"{r['who']} answers badly in {r['value']:.0%} [{r['low']:.0%}, {r['high']:.0%}] instead "
        f"of {free[r['who']]:.0%} (along random directions {r['random_low']:.0%} to "
        f"{r['random_high']:.0%})"
        for r in rows
        if r["what"] == HELD
    ]
    if not said:
        return ""
    return (
        f" Held where the reference's own answers lie along this direction, at "
        f"{at_layers(found['held_layers'])}, {'; '.join(said)}."
    )


def at_layers(layers: Sequence[int]) -> str:
    """Layers in words."""
    return f"layer{'s' if len(layers) > 1 else ''} {listed([str(n) for n in layers])}"
