"""What charts are drawn from in these tests, and what their specs say."""

from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from psm_viz.charts import drift_details
from psm_viz.charts.palette import DARK, LIGHT, PRINT
from tests.made import study as made
from tests.made.maps import made_map
from tests.made.tables import made_tables

PALETTES = [LIGHT, DARK, PRINT]
CAST = made.made_cast()
POINTS, INFO = made_map(CAST, made.CHECKPOINTS, made.PUSH)
EVERY = ["cheat", "requested", "honest", "playful", "other-role", "pretrain", "assistant"]
WIDE = made.made_manifest(wide=True)
DRIFT = made.made_drift(WIDE.checkpoints)
TABLES = made_tables(CAST, WIDE.checkpoints, made.PUSH, made.LAYERS, WIDE.fine_tuned)


def ends(branches=("cheat", "honest"), drift: pd.DataFrame = DRIFT) -> pd.DataFrame:
    """The ends of branches, with the controls."""
    return drift_details.ends_rows(drift, "prompt_last", list(branches), EVERY, WIDE, 25)


def spec(chart) -> dict[str, Any]:
    """A chart as Vega-Lite."""
    with alt.data_transformers.enable("default", max_rows=None):
        return chart.to_dict()


def texts(chart) -> set[str]:
    """All words that the chart draws from its data."""
    return {
        str(row["text"])
        for rows in spec(chart)["datasets"].values()
        for row in rows
        if "text" in row
    }


def svg(chart) -> str:
    """What Vega draws of a chart."""
    return vl_convert.vegalite_to_svg(chart.to_dict())
