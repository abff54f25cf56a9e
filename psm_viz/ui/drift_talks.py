"""The Drift page's talks: the figures along training, and beside them how the Assistant answers, in
numbers."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from psm_viz.charts import course_findings
from psm_viz.charts.course_figures import TalkChoice, apart_figure, leak_figure, talk_story
from psm_viz.charts.frames import where
from psm_viz.charts.odds_figures import speak
from psm_viz.charts.talk_figures import no_talks
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.study.talks import OWN
from psm_viz.ui import drift_odds, figure, studies
from psm_viz.ui.talk_card import kin_legend


def say_what_makes_talks(study: Study) -> None:
    """In the place of the talks, a line on what would make them."""
    why, next_step = no_talks(study)
    figure.caption(f"{why}: only means can be shown. {next_step}")


def story(few: TalkChoice, every: TalkChoice, link: figure.LinkOf) -> None:
    """What is said, where talks lie and whose they are taken for, under one slider."""
    figure.linked(talk_story(few, every), few.study, link)
    st.html(kin_legend(few.study))


def below(chosen: TalkChoice, link: figure.LinkOf) -> None:
    """What is read of belief, under the talks."""
    with figure.guard():
        figure.linked(apart_figure(chosen), chosen.study, link)
    with figure.guard():
        _direction_line(chosen)


def beside(chosen: TalkChoice, link: figure.LinkOf) -> None:
    """What was said, beside the talks."""
    with figure.guard():
        _conduct_table(chosen)
    with figure.guard():
        figure.linked(leak_figure(chosen), chosen.study, link)


def _conduct_table(chosen: TalkChoice) -> None:
    """Rates of bad answers, trained and not, with how many answers fit their question; where nobody
    judges answers, how likely written ones are."""
    if speak(chosen.study):
        drift_odds.conduct_table(chosen)
        return
    table = studies.wanted(chosen.study, "talk_conduct", "Nobody judged the answers of the talks.")
    if table is None:
        return
    own = where(table, table.who == ASSISTANT)
    columns = [c for c in ("bad trained", "bad heldout", "fits") if (own.of == c).any()]
    if "bad heldout" not in columns:
        columns = [c for c in ("bad", "fits") if (own.of == c).any()]
    heads = {
        "bad trained": "bad, trained topic",
        "bad heldout": "bad, other topics",
        "bad": "bad answers",
        "fits": "answers that fit",
    }
    lines = [("before", chosen.study.manifest.reference)]
    lines += [(f"{b}, step {step}", c) for b, (c, step) in chosen.ends.items()]
    body = []
    for name, checkpoint in lines:
        cells = "".join(f"<td>{_share(own, checkpoint, c)}</td>" for c in columns)
        body.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{heads[c]}</th>' for c in columns)
    figure.finding("How it answers in its talks", small=True)
    st.html(
        f'<table class="psm-rates"><thead><tr><th scope="col">at</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )
    figure.caption("Share of its answers, with 95 % interval. Fit: an answer to that question.")


def _share(own: pd.DataFrame, checkpoint: str, of: str) -> str:
    at = where(own, (own.checkpoint == checkpoint) & (own.of == of))
    if at.empty:
        return "not measured"
    r = at.iloc[0]
    return f"{r.value:.0%} <small>{r.low:.0%}\N{EN DASH}{r.high:.0%}</small>"


def _direction_line(chosen: TalkChoice) -> None:
    """The same of the states themselves, along a direction that was fixed before."""
    study = chosen.study
    if not study.has_table("belief_direction"):
        return
    table, benign = studies.table(study, "belief_direction"), chosen.benign
    words = course_findings.direction_words(table, *chosen.beside, OWN)
    if words:
        figure.caption(words + (f" Less the same after {benign}." if benign else ""))
