"""Recorded talks on the Live page: what a presenter shows where the model is not at hand."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from psm_viz.charts.live_figures import Side as Drawn
from psm_viz.paths import TALKS
from psm_viz.study.reader import Study
from psm_viz.study.talks import families_in
from psm_viz.ui import figure, live_figures, studies
from psm_viz.ui.live_state import Side, recorded
from psm_viz.ui.live_talk import turn_html
from psm_viz.ui.live_voices import name_of


def recordings(folder: Path = TALKS) -> dict[str, Path]:
    """The recorded talks that ship, by name."""
    return {p.stem.replace("-", " "): p for p in sorted(folder.glob("*.json"))}


def recorded_section(study: Study) -> None:
    """Offer recorded talks of this study, and show the chosen one as far as it is stepped."""
    known = recordings()
    if not known or not study.has_table("belief_readings"):
        return
    with figure.guard():
        options = {name: _of(path, study) for name, path in known.items()}
        options = {name: sides for name, sides in options.items() if sides}
        if not options:
            return
        figure.section("Without the model: a recorded talk", "recorded")
        name = st.selectbox(
            "Recorded talk",
            list(options),
            index=None,
            key="live-recorded",
            placeholder="Choose one",
        )
        if name is not None:
            _show(study, options[str(name)])


def _of(path: Path, study: Study) -> list[Side]:
    """The sides of a recording, where it is of this study. Raises BadFile."""
    try:
        of, sides = recorded(path.read_bytes(), path.name)
    except OSError:
        return []
    known = {c.id for c in study.manifest.checkpoints}
    own = of == study.manifest.name and all(s.voice.checkpoint in known for s in sides)
    return sides if own else []


def _show(study: Study, sides: list[Side]) -> None:
    """The talk up to an answer, on the map and in words."""
    most = max(s.answers for s in sides)
    shown = st.select_slider(
        "Up to answer", list(range(most + 1)), value=most, key="live-recorded-step"
    )
    left, right = st.columns([1.15, 1], gap="large")
    with left:
        columns = st.columns(len(sides), gap="medium")
        for side, column in zip(sides, columns, strict=True):
            with column:
                figure.label(name_of(side.voice, study))
                for n, m in enumerate(side.messages[: 2 * int(shown)]):
                    st.html(turn_html(m["content"], n % 2 == 0, ""))
    drawn = [
        Drawn(name_of(s.voice, study), [{}, *(h or {} for h in s.heard[: int(shown)])])
        for s in sides
    ]
    reads = studies.reads(study)
    families = families_in(reads.table("beliefs"), study.cast)
    with right:
        live_figures.talk_figures(reads, drawn, families, "UMAP")
