"""The Search page: what is looked for, and the map on which what was found is lit."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from psm_viz.charts import lit_map, search_findings
from psm_viz.charts.figures import Layout, Told
from psm_viz.charts.map_ground import WIDTH, MapView
from psm_viz.charts.talk_figures import has_talks, talk_points
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.judging import BAD, GOOD
from psm_viz.study.reader import Study
from psm_viz.study.search import LONGEST, Found, Wanted, search
from psm_viz.study.search_index import cache_folder
from psm_viz.ui import controls, figure, studies

HEIGHT = 440
BRANCH, FAMILY = "branch ", "family "
"""What the id of a filter begins with that means a whole branch or family."""
CAST = "cast"


def pick_words() -> str:
    """The words that the reader types, in the link too."""
    return st.text_input(
        "Search everything that was said",
        key="words",
        max_chars=LONGEST,
        bind="query-params",
        icon=":material/search:",
        placeholder="a word, a name, \N{LEFT DOUBLE QUOTATION MARK}a phrase"
        "\N{RIGHT DOUBLE QUOTATION MARK}, the start of a wor*",
    )


def pick_where(study: Study, messages: Any) -> tuple[str, str]:
    """(checkpoint, branch) that answers must be from, '' for any."""
    m = study.manifest
    options = {"": "Everywhere"}
    options |= {f"{BRANCH}{b}": f"All of {b}" for b in m.branches if len(m.branch(b)) > 2}
    options |= {c.id: c.id for c in m.drawn}
    chosen = controls.pick("Where", options, "where", messages)
    is_branch = chosen.startswith(BRANCH)
    return ("", chosen.removeprefix(BRANCH)) if is_branch else (chosen, "")


def pick_who(study: Study, messages: Any) -> dict[str, Any]:
    """Who must have said it, as fields of `Wanted`."""
    cast = study.cast
    family = {f.id: f.name for f in cast.families}
    options = {"": "Everybody", ASSISTANT: "The Assistant", CAST: "The cast"}
    options |= {f"{FAMILY}{f}": f"All {n.lower()}" for f, n in family.items()}
    options |= {p.id: f"{p.name}, {family[p.family]}" for p in cast.personas}
    chosen = controls.pick("Who", options, "who", messages)
    if chosen in ("", ASSISTANT, CAST):
        return {"cast": {"": None, ASSISTANT: False, CAST: True}[chosen]}
    if chosen.startswith(FAMILY):
        return {"family": chosen.removeprefix(FAMILY)}
    return {"persona": chosen}


def pick_judged(messages: Any) -> str:
    """How it must have been judged."""
    options = {"any": "Any", BAD: "Bad", GOOD: "Good"}
    chosen = controls.pick_segment("Judged", options, "judged", messages)
    return "" if chosen == "any" else chosen


@st.cache_data(max_entries=64, show_spinner=False)
def _found(sha: str, wanted: Wanted, _study: Study) -> Found:
    return search(_study, cache_folder(), wanted)


def found(study: Study, wanted: Wanted) -> Found:
    """What a search finds. The first in a study takes the time that its index needs. Raises
    BadInput, UnknownName, NotWritten."""
    with st.spinner("Searching. The first search in a study makes its index: some seconds."):
        return _found(study.sha256, wanted, study)


def points_of(study: Study) -> pd.DataFrame:
    """The points that found answers are lit on: of talks, where there are any. Raises UnknownName
    where the study has no map."""
    reads = studies.reads(study)
    if has_talks(study):
        return talk_points(reads)
    maps, m = reads.maps_by_pooling(), study.manifest
    pooling = m.headline_pooling if m.headline_pooling in maps else next(iter(maps))
    layer = m.headline_layer if m.headline_layer in maps[pooling] else maps[pooling][0]
    return reads.map_of(pooling, layer).points


def map_figure(study: Study, wanted: Wanted, result: Found | None, view: MapView) -> None:
    """The map with what was found lit."""
    points, m = points_of(study), study.manifest
    counts = None if result is None else result.counts
    later = [c.id for b in m.fine_tuned for c in m.branch(b) if c.branch == b]
    most = lit_map.checkpoint_to_draw(counts, [m.reference, *later], ASSISTANT)
    checkpoint = wanted.checkpoint or most
    lit = lit_map.lit_of(counts, checkpoint, m.reference, ASSISTANT)
    talks = has_talks(study)
    title = lit_title(lit, result, talks)
    told = Told(
        name="found-on-the-map",
        title=title,
        words=lit_words(study, checkpoint, talks),
        alt=f"{title}. Map of the cast with found answers lit.",
        key="found",
    )
    figure.figure(
        lambda p, width: lit_map.lit_map(points, study.cast, lit, view, p, (width, HEIGHT)),
        lit_map.lit_table(lit, study.cast),
        told,
        study,
        Layout(WIDTH, label=True, hero="hero-search"),
    )


def lit_title(lit: lit_map.Lit, result: Found | None, talks: bool) -> str:
    """What is lit, in numbers."""
    if result is None:
        return "Where answers lie: those that are found will be lit"
    if result.counts is None:
        return "Too many to be lit one by one: add a word or a filter"
    people = f"{len(lit.people)} persona{'' if len(lit.people) == 1 else 's'} of the cast"
    own = f"{len(lit.talks)} of the Assistant's talks at {lit.checkpoint}"
    parts = [own] if talks and (lit.talks or not lit.people) else []
    return f"Lit: {' and '.join([*parts, people] if lit.people or not talks else parts)}"


def lit_words(study: Study, checkpoint: str, talks: bool) -> str:
    """What is drawn on the map."""
    rings = "Rings: personas who said it, at any checkpoint, larger the oftener."
    if not talks:
        return f"{rings} Distances on a map are not measurements."
    return (
        f"Filled: talks of the Assistant at {checkpoint} in which it was said; outlines: its other "
        f"talks there. {rings} Dark dots: talks of the cast, at {study.manifest.reference}. "
        "Distances on a map are not measurements."
    )


def heading(study: Study, wanted: Wanted, result: Found) -> None:
    """How many were found, and what of it is listed."""
    figure.finding(search_findings.search_title(wanted, result, study.cast))
    if result.hits:
        figure.caption(
            f"{search_findings.order_words(result)} Words are looked for in answers, in their "
            "questions and in names; word endings do not count. A link opens the talk or the card "
            "on the map."
        )


def examples(study: Study) -> dict[str, dict[str, str]]:
    """Searches to begin with, by what they look for: parameters of the page's address."""
    topics = list(dict.fromkeys(q.topic for q in study.questions))[:2]
    families = [f.name.lower() for f in study.cast.families[-2:]]
    out = {w: {"words": w} for w in (*topics, *families)}
    for branch in study.manifest.fine_tuned[:1]:
        end = study.manifest.branch(branch)[-1].id
        bad = {"where": end, "who": ASSISTANT, "judged": BAD}
        out[f"bad answers of the Assistant at {end}"] = bad
    return out


def start(study: Study) -> None:
    """What the page says before anything is looked for."""
    figure.finding("Search everything that was said")
    figure.caption(
        "Every answer of the Assistant and of the cast, at every checkpoint (a saved step of "
        "training), in talks and to single questions. Type a word of an answer or of a question, "
        "or a name; or choose who said it, and where. For example:"
    )
    name = str(st.query_params.get("study", ""))[:64]
    named = {"study": name} if name else {}
    links = (
        f'<li><a href="./search?{escape(urlencode(named | asked))}" target="_self">{escape(w)}</a>'
        "</li>"
        for w, asked in examples(study).items()
    )
    st.html(f'<ul class="psm-examples">{"".join(links)}</ul>')
