"""What a search found, as a list: quotations that lead to where they were said."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

import streamlit as st

from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.study.search import Hit, Place
from psm_viz.ui import figure


def link_of(place: Place, study_name: str = "") -> str:
    """The address on the Map page where an answer is read: its talk, or the card of who gave it."""
    asked = {"study": study_name} if study_name else {}
    asked |= {"checkpoint": place.checkpoint}
    if place.talk is not None and place.persona == ASSISTANT:
        asked |= {"talk": str(place.talk)}
    else:
        asked |= {"persona": place.persona}
        asked |= {"unit": "means"} if place.persona == ASSISTANT else {}
        single = place.talk is None
        asked |= {"question": place.question} if single else {"told": str(place.talk)}
    return f"./?{urlencode(asked)}"


def live_link_of(place: Place, study_name: str = "") -> str:
    """The address on the Live page where one goes on with the talk, or talks to who said it."""
    asked = {"study": study_name} if study_name else {}
    asked |= {"checkpoint": place.checkpoint}
    if place.persona != ASSISTANT:
        asked |= {"persona": place.persona}
    elif place.talk is not None:
        asked |= {"go": str(place.talk)}
    return f"./live?{urlencode(asked)}"


def place_words(place: Place, study: Study) -> str:
    """Who said it, at which checkpoint and where."""
    name = study.cast.persona(place.persona).name
    where = "" if place.talk is None else f", talk {place.talk}, answer {place.row + 1}"
    return f"{name} at {place.checkpoint}{where}"


def place_html(place: Place, study: Study, study_name: str) -> str:
    """The same, as a link to the map where it shows this checkpoint."""
    words = escape(place_words(place, study))
    if place.checkpoint == study.manifest.noise_floor:
        return f"<span>{words} (other questions, not on the map)</span>"
    return f'<a href="{escape(link_of(place, study_name))}" target="_self">{words}</a>'


def hit_html(hit: Hit, study: Study, study_name: str) -> str:
    """One answer with its found words marked, its judgement, its question, and its places."""
    said = "".join(f"<mark>{escape(t)}</mark>" if on else escape(t) for t, on in hit.pieces)
    first, *others = hit.places
    asked = next((q.text for q in study.questions if q.id == first.question), "")
    parts = [place_html(first, study, study_name)]
    if hit.times > 1:
        also = ", ".join(place_html(p, study, study_name) for p in others)
        more = hit.times - len(hit.places)
        rest = f" and {more:,} more" if more > 0 else ""
        parts.append(f"said {hit.times:,} times; also {also}{rest}")
    if first.checkpoint != study.manifest.noise_floor:
        live = escape(live_link_of(first, study_name))
        parts.append(f'<a href="{live}" target="_self">open it live</a>')
    return (
        f'<li class="psm-hit"><p class="psm-asked">{escape(asked)}</p>'
        f'<blockquote class="psm-quote psm-small">{said}</blockquote>'
        f"{figure.judged_html(first.valence)}"
        f'<p class="psm-places">{"; ".join(parts)}</p></li>'
    )


def hit_list(hits: Sequence[Hit], study: Study) -> None:
    """All of them, in order."""
    name = str(st.query_params.get("study", ""))[:64]
    rows = "".join(hit_html(h, study, name) for h in hits)
    st.html(f'<ol class="psm-hits">{rows}</ol>')
