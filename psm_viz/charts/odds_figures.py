"""The figures of conduct where nobody judges answers: how likely the model finds good and bad
answers that were written for the questions beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from psm_viz.charts import odds_findings, step_chart
from psm_viz.charts.figures import Facts, Told
from psm_viz.charts.findings import by_step
from psm_viz.charts.frames import where
from psm_viz.charts.reads import Reads
from psm_viz.charts.step_chart import StepLook
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study

if TYPE_CHECKING:
    from psm_viz.charts.drift_figures import Chosen

MEANT = (
    "Change of log p of a bad answer less that of a good one, both written beforehand, in nats per "
    "token; above zero the bad answers became likelier"
)


def speak(study: Study) -> bool:
    """Whether written answers were weighed and no judge read the model's own."""
    return study.has_table("odds") and not study.has_table("rates")


def course(chosen: Chosen) -> tuple[pd.DataFrame, StepLook, Told]:
    """The change by step, for a chart under the others: rows, look and words."""
    rows = odds_findings.of_figure(chosen.reads.table("odds"), "change")
    own = where(rows, rows.speaker == ASSISTANT).dropna(subset=["value"]).drop(columns="n")
    held, trained = (
        step_chart.from_zero(where(own, own.set == s), chosen.branches)
        for s in ("heldout", "trained")
    )
    look = StepLook(
        chosen.every,
        paler=trained,
        band=step_chart.null_envelope(held, chosen.branches),
        band_name="null: sign flips",
        now=chosen.now,
        until=chosen.until,
        ticks=False,
        unit="bad less good, nats a token",
    )
    title = odds_findings.odds_title(rows, chosen.branches, chosen.now)
    title = by_step(title, chosen.now)
    told = Told(
        name="answer-odds",
        title=title,
        words=f"{MEANT}. Heavy: topics not trained, thin: the trained one; grey: signs of whole "
        "topics flipped.",
        alt=f"How much likelier bad answers became, by training step. {title}.",
        key="odds",
        facts=Facts(
            n=chosen.counted, interval="95 %, topics and questions drawn anew", null="sign flips"
        ),
    )
    return held, look, told


def leak_rows(reads: Reads, ends: Mapping[str, tuple[str, int]]) -> tuple[pd.DataFrame, str, str]:
    """The same for everybody who was asked: rows of dots, their title and words. `ends`: branch ->
    its last checkpoint and step."""
    rows = odds_findings.of_figure(reads.table("odds"), "change")
    names = {p.id: p.name for p in reads.study.cast.personas}
    dots = odds_findings.leak_rows(rows, ends, names)
    words = (
        f"{MEANT}, on topics not trained. Roles are asked under their own instruction, which "
        "nobody trained. 95 % interval; grey: signs flipped; filled: p at most .05."
    )
    return dots, odds_findings.leak_title(dots), words
