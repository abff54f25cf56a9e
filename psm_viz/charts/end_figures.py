"""The figures of where branches end: what is left of the Assistant's shift after predicting it from
the cast's, each pooling for itself."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from psm_viz.charts import dot_chart, drift_details, findings
from psm_viz.charts.choices import pooling_name
from psm_viz.charts.dot_chart import DotLook
from psm_viz.charts.drift_figures import RESAMPLED, Chosen
from psm_viz.charts.figures import Facts, Layout, Missing, Shown, Told, dots
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study


def end_panels(chosen: Chosen) -> dict[str, pd.DataFrame] | Missing:
    """Each pooling's shift at the end of each branch, against its own null: pooling -> rows."""
    m, roles = chosen.study.manifest, len(chosen.study.cast.personas)
    if not chosen.study.has_table("drift"):
        return Missing("The ends of the branches were not measured.", made_by("drift"))
    drift = chosen.reads.table("drift")
    panels = {
        p: drift_details.ends_rows(drift, p, chosen.branches, chosen.every, m, roles)
        for p in m.poolings
    }
    if all(rows.empty for rows in panels.values()):
        return Missing("Movement beyond the cast's was not measured.", made_by("drift"))
    return panels


def ends_title(panels: Mapping[str, pd.DataFrame]) -> str:
    """The finding above all poolings' ends."""
    ends = {pooling_name(p): drift_details.ends_of(rows) for p, rows in panels.items()}
    return findings.pooling_finding(ends)


def ends_words(chosen: Chosen) -> str:
    """The caption of all poolings' ends."""
    m, roles = chosen.study.manifest, len(chosen.study.cast.personas)
    return (
        "What is left of the Assistant's shift after predicting it from the cast's, at each "
        f"branch's last checkpoint, layer {m.headline_layer}, with 95 % interval. Grey: each row's "
        "own null. Filled: p at most .05 after the search over saved steps; hollow: not shown. "
        f"In ink, controls: a benign branch; the noise floor, {m.reference} asked other questions "
        f"of the same topics with another seed. Ranks among {roles} personas."
        + (" Each pooling has its own scale." if len(m.poolings) > 1 else "")
    )


def ends_figure(study: Study, pooling: str, rows: pd.DataFrame) -> Shown:
    """One pooling's ends."""
    name = pooling_name(pooling)
    if rows.empty:
        return Missing(f"{name.capitalize()}: not measured for these branches.", made_by("drift"))
    layer = study.manifest.headline_layer
    told = Told(
        name=f"ends-{pooling}",
        title=f"By the {name.lower()}: how far each branch moved the Assistant beyond its cast, "
        "in units of the residual stream",
        words="Norm of what is left of the Assistant's shift after predicting it from the "
        f"cast's, at the end of each branch, {name.lower()}, layer {layer}"
        ", 95 % interval; grey: each branch's own null; filled: p at most .05.",
        alt=f"Movement beyond the cast's by branch, {name.lower()}: {dot_chart.spoken(rows)}",
        key=f"ends-{pooling}",
        facts=Facts(
            n=f"{len(rows)} ends of branches",
            pooling=name,
            layer=layer,
            interval=RESAMPLED,
            null="each branch's own, over the cast",
        ),
    )
    look = DotLook(unit="norm of the shift beyond the cast's, residual stream")
    return dots(rows, told, Layout(520, small=True, label=True), look)
