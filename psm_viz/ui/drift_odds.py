"""The Drift page's table of conduct where nobody judges answers: how likely the model finds good
and bad answers that were written for the questions beforehand."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from psm_viz.charts.course_figures import TalkChoice
from psm_viz.charts.frames import where
from psm_viz.charts.odds_figures import MEANT
from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import figure, studies


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
