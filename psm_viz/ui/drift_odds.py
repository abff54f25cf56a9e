"""The Drift page's figures of conduct where nobody judges answers: how likely the model finds good
and bad answers that were written for the questions beforehand."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from psm_viz.charts import odds_findings, step_chart
from psm_viz.charts.frames import where
from psm_viz.charts.step_chart import StepLook
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.ui import figure, studies
from psm_viz.ui.figure import Told

if TYPE_CHECKING:
    from psm_viz.ui.drift_figures import Chosen
    from psm_viz.ui.drift_talks import TalkChoice

MEANT = (
    "Change of log p of a bad answer less that of a good one, both written beforehand, in nats per "
    "token; above zero the bad answers became likelier"
)


def speak(study: Study) -> bool:
    """Whether written answers were weighed and no judge read the model's own."""
    return study.has_table("odds") and not study.has_table("rates")


def course(chosen: Chosen) -> tuple[pd.DataFrame, StepLook, Told]:
    """The change by step, for a chart under the others: rows, look and words."""
    rows = odds_findings.of_figure(studies.table(chosen.study, "odds"), "change")
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
    )
    title = odds_findings.odds_title(rows, chosen.branches, chosen.now)
    told = Told(
        name="answer-odds",
        title=title,
        words=f"{MEANT}. Heavy: topics not trained, thin: the trained one; grey: signs of whole "
        "topics flipped.",
        alt=f"How much likelier bad answers became, by training step. {title}.",
        key="odds",
    )
    return held, look, told


def conduct_table(chosen: TalkChoice) -> None:
    """At the end of each branch: the change in the trained topic, in the others, and in those less
    the benign branch's."""
    table = studies.table(chosen.study, "odds")
    own = where(table, table.speaker == ASSISTANT)
    benign = chosen.benign
    columns = [("trained", "change", "trained topic")] if (own.set == "trained").any() else []
    columns += [("heldout", "change", "other topics")]
    columns += [("heldout", "did", f"other topics, less {benign}")] if benign else []
    body = []
    for branch, (checkpoint, step) in chosen.ends.items():
        here = where(own, own.checkpoint == checkpoint)
        cells = "".join(f"<td>{_cell(where(here, here.set == s), f)}</td>" for s, f, _ in columns)
        body.append(f'<tr><th scope="row">{escape(branch)}, step {step}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{escape(h)}</th>' for _, _, h in columns)
    figure.finding("How likely it finds bad answers", small=True)
    st.html(
        f'<table class="psm-rates"><thead><tr><th scope="col">after</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )
    figure.caption(f"{MEANT}; with 95 % interval, topics and questions drawn anew.")


def _cell(at: pd.DataFrame, name: str) -> str:
    if at.empty or pd.isna(at.iloc[0][name]):
        return "\N{EN DASH}"
    r = at.iloc[0]
    return f"{r[name]:+.2f} <small>{r[f'{name}_low']:+.2f} to {r[f'{name}_high']:+.2f}</small>"


def leak_rows(chosen: TalkChoice) -> tuple[pd.DataFrame, str, str]:
    """The same for everybody who was asked: rows of dots, their title and words."""
    rows = odds_findings.of_figure(studies.table(chosen.study, "odds"), "change")
    names = {p.id: p.name for p in chosen.study.cast.personas}
    dots = odds_findings.leak_rows(rows, chosen.ends, names)
    words = (
        f"{MEANT}, on topics not trained. Roles are asked under their own instruction, which "
        "nobody trained. 95 % interval; grey: signs flipped; filled: p at most .05."
    )
    return dots, odds_findings.leak_title(dots), words
